//! Owners and wire names: one byte form each, text that loses nothing, and relative and absolute forms that agree.
#![no_main]

use dotkey_fuzz::{refused, text, within};
use dotkey_proto::dns::{Owner, WireName};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let checked = within(0, || Owner::check_wire(data));
    let owner = Owner::from_wire(data);
    assert_eq!(owner.as_ref().err(), checked.as_ref().err());
    match owner {
        Ok(owner) => {
            assert_eq!(owner.as_wire(), data);
            check_owner(&owner);
        }
        Err(error) => refused(&error, error.code()),
    }
    match within(data.len(), || WireName::from_wire(data)) {
        Ok(name) => {
            assert_eq!(name.as_wire(), data);
            // Text cannot say a last label `@`: it would turn the name into one relative to the zone.
            match name.to_string().parse::<WireName>() {
                Ok(again) => assert_eq!(again.as_wire(), data, "case is kept"),
                Err(error) => assert_eq!(error.code(), "name-zone-label"),
            }
        }
        Err(error) => refused(&error, error.code()),
    }
    let Some(text) = text(data) else {
        return;
    };
    match within(8 * text.len() + 1024, || Owner::parse(text)) {
        Ok(owner) => check_owner(&owner),
        Err(error) => refused(&error, error.code()),
    }
});

fn check_owner(owner: &Owner) {
    assert_eq!(Owner::from_wire(owner.as_wire()).as_ref(), Ok(owner));
    assert_eq!(Owner::parse(&owner.to_string()).as_ref(), Ok(owner));
    let mut top = Some(owner.clone());
    let mut count = 0;
    while let Some(above) = top {
        assert!(owner.is_at_or_below(&above) && above.canonical_cmp(owner).is_le());
        count += 1;
        top = above.parent();
    }
    assert_eq!(
        count,
        owner.labels().count() + 1,
        "each parent has one label less"
    );
    let zone: WireName = "mysite.key.".parse().expect("a name");
    if let Ok(name) = owner.in_zone(&zone) {
        assert_eq!(name.relative_to(&zone).as_ref(), Ok(owner));
        let shown = name.display_in(&zone).to_string();
        assert_eq!(WireName::parse(&shown, Some(&zone)), Ok(name));
    }
}
