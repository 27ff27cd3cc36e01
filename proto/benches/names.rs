//! Normalising names, and what it costs beside the least that any normalisation does.

mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group};
use dotkey_proto::identity::KeyId;
use dotkey_proto::name::{Name, Suffix};

fn names(criterion: &mut Criterion) {
    let suffix = Suffix::KEY;
    let key_id = Name::of_key_id(&KeyId::from_bytes([7; 32]), &suffix);
    let mut group = criterion.benchmark_group("normalise");
    for (label, text) in [
        ("ascii", "mysite.key"),
        ("below", "www.blog.mysite.key"),
        ("key id", key_id.as_ascii()),
        ("unicode", "münchen.key"),
        ("a-label", "xn--mnchen-3ya.key"),
    ] {
        group.bench_function(label, |bencher| {
            bencher.iter(|| Name::parse(black_box(text), &suffix));
        });
    }
    group.finish();
}

criterion_group!(benches, names);

fn main() {
    benches();
    for text in ["mysite.key", "MySite.key", "www.blog.mysite.key"] {
        support::ratio(
            &format!("normalise ASCII name / to_ascii_lowercase ({text})"),
            5.0,
            || Name::parse(black_box(text), &Suffix::KEY),
            || black_box(text).to_ascii_lowercase(),
        );
    }
}
