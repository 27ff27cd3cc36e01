//! Zones answered from here by hickory-server's machinery: request, response and signing, behind listeners of our own.

use hickory_proto::rr::LowerName;
use hickory_server::zone_handler::Catalog;

/// Zones by their origin; the longest that a name is under answers for it.
pub type Zones = Catalog;

/// Whether one of `zones` answers for `name`. Decided before any cache or upstream sees the name: what is ours never leaks.
#[must_use]
pub fn answer_for(zones: &Zones, name: &LowerName) -> bool {
    zones.find(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::Name;

    #[test]
    fn a_zone_answers_for_what_is_under_it() {
        let name = |text: &str| LowerName::from(Name::from_ascii(text).expect("a name"));
        let mut zones = Zones::new();
        zones.upsert(name("key."), Vec::new());
        for (text, expected) in [
            ("key.", true),
            ("mysite.KEY.", true),
            ("www.mysite.key.", true),
            ("key.example.", false),
            ("monkey.", false),
            (".", false),
        ] {
            assert_eq!(answer_for(&zones, &name(text)), expected, "{text}");
        }
    }
}
