//! Zones: their shape, rrsets, delegations, and what may stand together. Sections 7.1 to 7.3 and 7.5.

use super::encode::{Fields, array, bytes, int, map, text, uint};
use super::file::{File, Object, hex, hex_input, unhex};

/// An owner name from text without escapes; nothing is the apex.
pub(super) fn owner(text: &str) -> Vec<u8> {
    if text.is_empty() {
        return Vec::new();
    }
    let label = |label: &str| [&[label.len() as u8], label.as_bytes()].concat();
    text.split('.').flat_map(label).collect()
}

pub(super) fn rrset(at: &str, rtype: u64, rdata: &[&[u8]]) -> Vec<u8> {
    raw_rrset(bytes(owner(at)), uint(rtype), uint(300), array(rdata.iter().map(bytes)))
}

fn raw_rrset(owner: Vec<u8>, rtype: Vec<u8>, ttl: Vec<u8>, rdata: Vec<u8>) -> Vec<u8> {
    array([owner, rtype, ttl, rdata])
}

const ADDRESS: &[u8] = &[192, 0, 2, 1];
const NAME: &[u8] = b"\x01x\x03net\0";
const SOA: &[u8] = b"\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x01";

fn a(at: &str) -> Vec<u8> {
    rrset(at, 1, &[ADDRESS])
}

fn ns(at: &str) -> Vec<u8> {
    rrset(at, 2, &[NAME])
}

fn cname(at: &str) -> Vec<u8> {
    rrset(at, 5, &[NAME])
}

fn txt(at: &str) -> Vec<u8> {
    rrset(at, 16, &[b"\x01t"])
}

fn dname(at: &str) -> Vec<u8> {
    rrset(at, 39, &[NAME])
}

/// A resource that routes to content.
fn content(at: &str) -> Vec<u8> {
    Fields::new([(1, uint(1)), (2, bytes(owner(at))), (7, bytes([7; 32]))]).encode()
}

fn delegation(at: &str) -> Vec<u8> {
    Fields::new([(1, bytes(owner(at))), (2, bytes([7; 32]))]).encode()
}

fn to_branch(at: &str) -> Vec<u8> {
    Fields::new([(1, bytes(owner(at)))]).encode()
}

/// The parts of a zone that are there.
#[derive(Clone, Default)]
pub(super) struct Zone { pub(super) rrsets: Vec<Vec<u8>>, pub(super) resources: Vec<Vec<u8>>, pub(super) delegations: Vec<Vec<u8>> }

impl Zone {
    fn fields(&self) -> Fields {
        let parts = [(1, &self.rrsets), (2, &self.resources), (3, &self.delegations)];
        let parts = parts.into_iter().filter(|(_, list)| !list.is_empty());
        Fields::new(parts.map(|(key, list)| (key, array(list.iter().cloned()))))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.fields().encode()
    }

    pub(super) fn facts(&self) -> Object {
        counts(self.rrsets.len(), self.resources.len(), self.delegations.len())
    }
}

fn counts(rrsets: usize, resources: usize, delegations: usize) -> Object {
    [("rrsets", (rrsets as u64).into()), ("resources", (resources as u64).into()), ("delegations", (delegations as u64).into())].into()
}

fn of(rrsets: impl IntoIterator<Item = Vec<u8>>) -> Zone { Zone { rrsets: rrsets.into_iter().collect(), ..Zone::default() } }

fn resources(resources: impl IntoIterator<Item = Vec<u8>>) -> Zone { Zone { resources: resources.into_iter().collect(), ..Zone::default() } }

fn delegations(delegations: impl IntoIterator<Item = Vec<u8>>) -> Zone { Zone { delegations: delegations.into_iter().collect(), ..Zone::default() } }

pub(super) fn file() -> File {
    let mut file = File::new("zone", "Bodies of zone records, some of a branch, and how many parts they have (section 7).");
    add_rrsets(&mut file);
    add_together(&mut file);
    add_delegations(&mut file);
    add_branches(&mut file);
    add_counts(&mut file);
    add_extensions(&mut file);
    add_broken_encodings(&mut file);
    add_broken_shapes(&mut file);
    super::resources::add(&mut file);
    file
}

fn valid(file: &mut File, name: &str, why: &str, zone: &Zone) {
    file.valid(name, why, hex_input(zone.encode()), zone.facts());
}

fn invalid(file: &mut File, name: &str, why: &str, zone: &Zone, code: &'static str) {
    file.invalid(name, why, hex_input(zone.encode()), code);
}

fn add_rrsets(file: &mut File) {
    valid(file, "empty", "a zone that says that there is nothing", &Zone::default());
    valid(file, "apex", "an address at the apex", &of([a("")]));
    let small = of([rrset("", 1, &[ADDRESS, &[192, 0, 2, 2]]), rrset("", 6, &[SOA]), rrset("", 16, &[b"\0"]), a("*.dev"), a("www")]);
    valid(file, "small", "several types and owners, and a wildcard", &small);
    valid(file, "cname", "an alias", &of([cname("www")]));
    valid(file, "relative-target", "a target within the zone (7.2)", &of([rrset("www", 5, &[b"\x01@\0"])]));
    valid(file, "ns-at-apex", "no cut: others may stand there", &of([ns(""), txt(""), a("www")]));
    valid(file, "rdata-prefix-first", "`\\0` is before `\\0\\0`", &of([rrset("", 16, &[b"\0", b"\0\0"])]));
    valid(file, "owner-prefix-first", "`01 61` is before `01 61 01 62`", &of([a("a"), a("a.b")]));
    valid(file, "owner-length-first", "`b` is before `aa`: the length comes first", &of([a("b"), a("aa")]));
    let ttl = |seconds| {
        of([raw_rrset(bytes([]), uint(1), uint(seconds), array([bytes(ADDRESS)]))])
    };
    valid(file, "ttl-0", "the least", &ttl(0));
    valid(file, "ttl-greatest", "2^31 - 1", &ttl(2_147_483_647));
    valid(file, "opaque-type", "a type that no table lists, without bytes", &of([rrset("", 65_280, &[b""])]));
    valid(file, "ds-without-ns", "allowed, and of no use", &of([rrset("a", 43, &[b"\x01\x02\x08\x02\xff"])]));

    let mut wrong = |name: &str, why: &str, rrsets: Vec<Vec<u8>>, code| {
        invalid(file, name, why, &of(rrsets), code)
    };
    let with_owner = |wire: &[u8]| {
        vec![raw_rrset(bytes(wire), uint(1), uint(300), array([bytes(ADDRESS)]))]
    };
    wrong("owner-upper-case", "an owner has one form", with_owner(b"\x03Www"), "owner");
    wrong("owner-with-root", "an owner is relative", with_owner(b"\x03www\0"), "owner");
    wrong("owner-cut", "a label that is not all there", with_owner(b"\x04www"), "owner");
    wrong("owner-pointer", "a compression pointer", with_owner(b"\xc0\x0c"), "owner");
    for (name, rtype) in [
        ("type-opt", 41),
        ("type-rrsig", 46),
        ("type-sig", 24),
        ("type-key", 25),
        ("type-nxt", 30),
        ("type-nsec", 47),
        ("type-dnskey", 48),
        ("type-nsec3", 50),
        ("type-nsec3param", 51),
        ("type-cds", 59),
        ("type-cdnskey", 60),
        ("type-128", 128),
        ("type-tsig", 250),
        ("type-any", 255),
        ("type-65535", 65_535),
    ] {
        wrong(name, "no type for a zone", vec![rrset("", rtype, &[b"\0"])], "type");
    }
    wrong("rdata-a", "three bytes", vec![rrset("", 1, &[&[192, 0, 2]])], "rdata");
    wrong("rdata-second", "the second is broken", vec![rrset("", 1, &[ADDRESS, &[193]])], "rdata");
    wrong("rdata-pointer", "a compression pointer", vec![rrset("www", 5, &[b"\xc0\x0c"])], "rdata");
    wrong("rdata-swapped", "not ascending", vec![rrset("", 1, &[&[192, 0, 2, 2], ADDRESS])], "rdata-order");
    wrong("rdata-twice", "one twice", vec![rrset("", 1, &[ADDRESS, ADDRESS])], "rdata-order");
    wrong("rdata-prefix-last", "a prefix stands first", vec![rrset("", 16, &[b"\0\0", b"\0"])], "rdata-order");
    wrong("rrsets-swapped", "the greater owner first", vec![a("b"), a("a")], "rrset-order");
    wrong("rrset-twice", "one owner and type twice", vec![a("a"), a("a")], "rrset-order");
    wrong("types-swapped", "the greater type first", vec![txt("a"), a("a")], "rrset-order");
    wrong("owner-prefix-last", "a prefix stands first", vec![a("a.b"), a("a")], "rrset-order");
    let canonical = vec![a("a"), a("z.a"), a("b")];
    wrong("rrsets-in-canonical-order", "bytes are compared, not labels from the right", canonical, "rrset-order");
    add_rrset_owners(file);
}

/// What may stand once, at the apex alone, or not at a wildcard.
fn add_rrset_owners(file: &mut File) {
    let mut wrong = |name: &str, why: &str, rrsets: Vec<Vec<u8>>, code| {
        invalid(file, name, why, &of(rrsets), code)
    };
    let two: [&[u8]; 2] = [b"\x01x\0", b"\x01y\0"];
    wrong("cname-two", "an alias has one target", vec![rrset("www", 5, &two)], "single-rdata");
    wrong("dname-two", "a DNAME has one target", vec![rrset("a", 39, &two)], "single-rdata");
    let soas = [[SOA, &[]].concat(), [&SOA[..21], &[2]].concat()];
    wrong("soa-two", "a zone begins once", vec![rrset("", 6, &[&soas[0], &soas[1]])], "single-rdata");
    wrong("soa-below-apex", "a zone begins at its apex", vec![rrset("www", 6, &[SOA])], "soa-owner");
    for (name, why, rrset) in [
        ("ns-at-wildcard", "a wildcard is no cut (RFC 4592 section 4.2)", ns("*")),
        ("ns-at-wildcard-below", "a wildcard is no cut (RFC 4592 section 4.2)", ns("*.a")),
        ("dname-at-wildcard", "RFC 4592 section 4.4 leaves open what it would mean", dname("*")),
        ("dname-at-wildcard-below", "RFC 4592 section 4.4 leaves open what it would mean", dname("*.a")),
    ] {
        wrong(name, why, vec![rrset], "wildcard-owner");
    }
    valid(file, "cname-at-wildcard", "others may stand at a wildcard", &of([cname("*")]));
    valid(file, "ns-below-star", "a star that is not leftmost makes no wildcard", &of([ns("a.*")]));
    valid(file, "dname-below-star", "a star that is not leftmost makes no wildcard", &of([dname("a.*")]));
    let beside: Vec<_> = [127, 256].map(|rtype| rrset("", rtype, &[b"\0\0\0\0a"])).into();
    valid(file, "types-beside", "127 and 256 are types for a zone", &of(beside));
}

fn add_together(file: &mut File) {
    valid(file, "dname-at-apex", "nothing else has a name", &of([dname("")]));
    valid(file, "dname-with-others", "at the owner of a DNAME others may stand", &of([a("a"), dname("a")]));
    valid(file, "dname-like", "`xa` is not below `a`", &of([dname("a"), a("xa")]));
    let (six, ds): (&[u8], &[u8]) = (&[0; 16], b"\x01\x02\x08\x02\xff");
    let glue = of([a("b"), ns("b"), rrset("b", 28, &[six]), rrset("b", 43, &[ds]), a("ns.b"), rrset("ns.b", 28, &[six])]);
    valid(file, "cut-with-glue", "addresses of the name servers below it", &glue);
    let beside_cname = Zone { rrsets: vec![cname("a")], resources: vec![content("a")], ..Zone::default() };
    valid(file, "resource-at-cname", "allowed, and of no use", &beside_cname);
    let both = Zone { rrsets: vec![a("www")], resources: vec![content(""), content("www")], delegations: vec![delegation("blog")] };
    valid(file, "all-parts", "rrsets, resources and a delegation", &both);

    let mut wrong = |name: &str, why: &str, zone: Zone, code| invalid(file, name, why, &zone, code);
    wrong("cname-with-a", "an alias stands alone", of([a("a"), cname("a")]), "cname-alone");
    wrong("cname-with-txt", "an alias stands alone", of([cname("a"), txt("a")]), "cname-alone");
    wrong("cname-with-ds", "an alias stands alone", of([cname("a"), rrset("a", 43, &[b"\x01\x02\x08\x02\xff"])]), "cname-alone");
    wrong("cname-at-apex", "the apex is no alias", of([cname("")]), "cname-alone");
    wrong("below-dname", "all names there are elsewhere", of([dname("a"), a("x.a")]), "below-dname");
    wrong("far-below-dname", "all names there are elsewhere", of([dname("a"), a("y.x.a")]), "below-dname");
    wrong("below-dname-at-apex", "nothing else has a name", of([dname(""), a("a")]), "below-dname");
    wrong("wildcard-below-dname", "a wildcard is a name there", of([a("*.a"), dname("a")]), "below-dname");
    let below = |resource: Option<Vec<u8>>, delegation: Option<Vec<u8>>, rrset: Vec<u8>| Zone {
        rrsets: vec![rrset],
        resources: resource.into_iter().collect(),
        delegations: delegation.into_iter().collect(),
    };
    wrong("resource-below-dname", "its host is elsewhere", below(Some(content("x.a")), None, dname("a")), "below-dname");
    wrong("delegation-below-dname", "its owner is elsewhere", below(None, Some(delegation("x.a")), dname("a")), "below-dname");
    wrong("txt-at-cut", "what stands at a cut belongs to the zone below", of([ns("a"), txt("a")]), "below-cut");
    wrong("txt-below-cut", "it belongs to the zone below", of([ns("a"), txt("x.a")]), "below-cut");
    wrong("ns-below-cut", "it belongs to the zone below", of([ns("a"), ns("x.a")]), "below-cut");
    wrong("ds-below-cut", "it belongs to the zone below", of([ns("a"), rrset("x.a", 43, &[b"\x01\x02\x08\x02\xff"])]), "below-cut");
    wrong("resource-at-cut", "it belongs to the zone below", below(Some(content("a")), None, ns("a")), "below-cut");
    wrong("resource-below-cut", "it belongs to the zone below", below(Some(content("x.a")), None, ns("a")), "below-cut");
    wrong("delegation-below-cut", "it belongs to the zone below", below(None, Some(delegation("x.a")), ns("a")), "below-cut");
    wrong("rrset-at-delegation", "the name is another's", below(None, Some(delegation("a")), a("a")), "below-delegation");
    wrong("rrset-below-delegation", "the name is another's", below(None, Some(delegation("a")), a("x.a")), "below-delegation");
    let resource = Zone { resources: vec![content("a")], ..delegations([delegation("a")]) };
    wrong("resource-at-delegation", "the name is another's", resource, "below-delegation");
    let resource = Zone { resources: vec![content("x.a")], ..delegations([to_branch("a")]) };
    wrong("resource-below-delegation", "the name is a branch's", resource, "below-delegation");
    wrong("delegation-below-delegation", "the name is another's", delegations([delegation("a"), delegation("x.a")]), "below-delegation");
    wrong("delegation-far-below", "the name is another's", delegations([delegation("a"), delegation("y.x.a")]), "below-delegation");
}

fn add_delegations(file: &mut File) {
    valid(file, "delegation", "to another identity", &delegations([delegation("blog")]));
    valid(file, "delegation-to-branch", "to a branch of this identity", &delegations([to_branch("blog")]));
    let odd = Fields::new([(1, bytes(b"\x03a.b")), (2, bytes([7; 32]))]).encode();
    valid(file, "delegation-odd-owner", "to an identity any owner but a wildcard can be handed", &delegations([odd]));
    valid(file, "delegations-like", "`xa` is not below `a`", &delegations([delegation("a"), delegation("xa")]));
    let mut wrong = |name: &str, why: &str, list: Vec<Vec<u8>>, code| {
        invalid(file, name, why, &delegations(list), code)
    };
    let raw = |wire: &[u8]| vec![Fields::new([(1, bytes(wire)), (2, bytes([7; 32]))]).encode()];
    wrong("delegation-apex", "the apex is not handed away", vec![delegation("")], "delegation-owner");
    wrong("delegation-wildcard", "a wildcard is not one name", vec![delegation("*.a")], "delegation-owner");
    wrong("delegation-star-inside", "no label is a star", vec![delegation("a.*")], "delegation-owner");
    let odd = Fields::new([(1, bytes(b"\x03a.b"))]).encode();
    wrong("branch-with-dot", "no branch has such a label", vec![odd], "delegation-owner");
    let odd = Fields::new([(1, bytes(b"\x01\xff"))]).encode();
    wrong("branch-with-byte", "no branch has such a label", vec![odd], "delegation-owner");
    wrong("delegation-owner-upper-case", "an owner has one form", raw(b"\x01A"), "owner");
    wrong("delegation-owner-cut", "a label that is not all there", raw(b"\x02a"), "owner");
    wrong("delegations-swapped", "the greater owner first", vec![delegation("b"), delegation("a")], "delegation-order");
    wrong("delegation-twice", "one owner twice", vec![delegation("a"), to_branch("a")], "delegation-order");
    wrong("delegation-without-owner", "1 is missing", vec![Fields::new([(2, bytes([7; 32]))]).encode()], "missing-key");
    wrong("delegation-key-id-31", "a byte too short", vec![Fields::new([(1, bytes(owner("a"))), (2, bytes([7; 31]))]).encode()], "out-of-range");
    wrong("delegation-key-id-null", "absent is not null", vec![Fields::new([(1, bytes(owner("a"))), (2, unhex("f6"))]).encode()], "wrong-type");
    wrong("delegation-owner-text", "an owner is in wire form", vec![Fields::new([(1, text("a"))]).encode()], "wrong-type");
    wrong("delegation-array", "an array", vec![array([bytes(owner("a"))])], "wrong-type");
}

fn add_branches(file: &mut File) {
    let within = |zone: &Zone| hex_input(zone.encode()).and("branch", hex(owner("blog")));
    let at = Zone { rrsets: vec![a("www.blog"), a("blog")], resources: vec![content("blog")], delegations: vec![delegation("shop.blog")] };
    file.valid("branch", "at the branch and below it", within(&at), at.facts());
    let none = Zone::default();
    file.valid("branch-empty", "a branch that says that there is nothing", within(&none), none.facts());
    let mut wrong = |name: &str, why: &str, zone: Zone, code| file.invalid(name, why, within(&zone), code);
    wrong("branch-rrset-at-apex", "the apex is above the branch", of([a("")]), "outside-branch");
    wrong("branch-rrset-elsewhere", "another branch", of([a("shop")]), "outside-branch");
    wrong("branch-rrset-like", "labels compare whole", of([a("xblog")]), "outside-branch");
    wrong("branch-resource-elsewhere", "another branch", resources([content("shop")]), "outside-branch");
    wrong("branch-delegation-elsewhere", "another branch", delegations([delegation("shop")]), "outside-branch");
    wrong("branch-delegates-itself", "a branch is not handed on as a whole", delegations([delegation("blog")]), "delegation-owner");
}

fn add_counts(file: &mut File) {
    let set = |count: u64| {
        let data = (0..count).map(|at| bytes([192, 0, (at >> 8) as u8, at as u8]));
        of([raw_rrset(bytes([]), uint(1), uint(0), array(data))])
    };
    valid(file, "255-rdata", "as many as one rrset may have", &set(255));
    invalid(file, "256-rdata", "one too many", &set(256), "out-of-range");
    let types = |count: u64| {
        of((1000..1000 + count).map(|rtype| raw_rrset(bytes([]), uint(rtype), uint(0), array([bytes([])]))))
    };
    valid(file, "4096-rrsets", "as many as allowed", &types(4096));
    invalid(file, "4097-rrsets", "one too many", &types(4097), "out-of-range");
    let names = |count: usize| (0..count).map(|at| format!("{at:04}")).collect::<Vec<_>>();
    let hosts = |count: usize| resources(names(count).iter().map(|name| content(name)));
    valid(file, "256-resources", "as many as allowed", &hosts(256));
    invalid(file, "257-resources", "one too many", &hosts(257), "out-of-range");
    let branches = |count: usize| delegations(names(count).iter().map(|name| to_branch(name)));
    valid(file, "1024-delegations", "as many as allowed", &branches(1024));
    invalid(file, "1025-delegations", "one too many", &branches(1025), "out-of-range");
    let of_size = |octets: usize| of([rrset("", 65_280, &[&vec![0; octets]])]);
    let rest = of_size(60_000).encode().len() - 60_000;
    valid(file, "65536-bytes", "as large as a record", &of_size(65_536 - rest));
    invalid(file, "65537-bytes", "larger than a record", &of_size(65_537 - rest), "too-large");
    let longest = [63, 63, 63, 61].map(|count| "a".repeat(count)).join(".");
    valid(file, "owner-254", "the longest owner", &of([raw_rrset(bytes(owner(&longest)), uint(1), uint(0), array([bytes(ADDRESS)]))]));
    let longer = [63, 63, 63, 62].map(|count| "a".repeat(count)).join(".");
    invalid(file, "owner-255", "longer than the schema says", &of([raw_rrset(bytes(owner(&longer)), uint(1), uint(0), array([bytes(ADDRESS)]))]), "out-of-range");
}

fn add_extensions(file: &mut File) {
    let mut open = |name: &str, why: &str, zone: Vec<u8>, facts: Object| {
        file.valid(name, why, hex_input(zone), facts)
    };
    let unknown = Fields::new([(5, text("x")), (1_000, map([(text("a"), uint(1))]))]);
    open("unknown-keys", "kept and ignored", unknown.encode(), counts(0, 0, 0));
    let settings = |settings: Fields| Fields::new([(4, settings.encode())]).encode();
    let all = Fields::new([(1, uint(60)), (2, text("post@example.org")), (3, uint(1))]);
    open("settings", "a TTL, a contact and an unknown key", settings(all), counts(0, 0, 0));
    open("settings-empty", "nothing is said", settings(Fields::default()), counts(0, 0, 0));
    open("contact-255", "the longest contact", settings(Fields::new([(2, text("a".repeat(255)))])), counts(0, 0, 0));
    let more = Fields::new([(0, uint(1)), (1, bytes(owner("a"))), (9, unhex("f6"))]);
    open("delegation-unknown-keys", "kept and ignored", delegations([more.encode()]).encode(), counts(0, 0, 1));
    let mut wrong = |name: &str, why: &str, zone: Vec<u8>, code| file.invalid(name, why, hex_input(zone), code);
    wrong("contact-empty", "a contact says something", settings(Fields::new([(2, text(""))])), "out-of-range");
    wrong("contact-256", "a byte too long", settings(Fields::new([(2, text("a".repeat(256)))])), "out-of-range");
    wrong("settings-ttl-beyond", "2^31", settings(Fields::new([(1, uint(2_147_483_648))])), "out-of-range");
    wrong("settings-array", "an array", Fields::new([(4, array([]))]).encode(), "wrong-type");
    wrong("settings-text-key", "a key is an unsigned integer", Fields::new([(4, map([(text("ttl"), uint(1))]))]).encode(), "wrong-type");
    wrong("unknown-text-key", "only unsigned integers are kept", map([(text("x"), uint(1))]), "wrong-type");
    wrong("unknown-negative-key", "only unsigned integers are kept", map([(int(-1), uint(1))]), "wrong-type");
    let deep = |depth: usize| Fields::new([(9, [vec![0x81; depth - 1], vec![0x80]].concat())]).encode();
    wrong("unknown-too-deep", "17 levels, also in what is ignored", deep(16), "too-deep");
    wrong("unknown-float", "no float, also in what is ignored", Fields::new([(9, unhex("f9 3c00"))]).encode(), "forbidden-item");
    wrong("unknown-tag", "no tag, also in what is ignored", Fields::new([(9, unhex("c1 00"))]).encode(), "forbidden-item");
    file.valid("unknown-deep", "16 levels", hex_input(deep(15)), counts(0, 0, 0));
}

fn add_broken_encodings(file: &mut File) {
    let good = of([a(""), a("www")]).encode();
    let mut wrong = |name: &str, why: &str, zone: &[u8], code| file.invalid(name, why, hex_input(zone), code);
    wrong("no-bytes", "nothing", &[], "truncated");
    wrong("cut", "the last byte is missing", &good[..good.len() - 1], "truncated");
    wrong("trailing-byte", "a byte after the map", &[&good[..], &[0]].concat(), "trailing-bytes");
    wrong("indefinite", "a map until a break", &[&[0xbf], &good[1..], &[0xff]].concat(), "indefinite-length");
    wrong("count-long", "the count in two bytes", &[&[0xb8, 1], &good[1..]].concat(), "not-shortest");
    let list = array([a("")]);
    wrong("key-twice", "1 twice", &map([(uint(1), list.clone()), (uint(1), list.clone())]), "duplicate-key");
    wrong("keys-swapped", "2 before 1", &map([(uint(2), array([content("")])), (uint(1), list)]), "map-order");
    wrong("contact-not-utf8", "a byte that is none", &unhex("a1 04 a1 02 61 ff"), "invalid-utf8");
}

fn add_broken_shapes(file: &mut File) {
    let mut wrong = |name: &str, why: &str, zone: Vec<u8>, code| file.invalid(name, why, hex_input(zone), code);
    wrong("array", "an array", array([]), "wrong-type");
    wrong("null", "absent is not null", unhex("f6"), "wrong-type");
    for (name, key) in [("rrsets-empty", 1), ("resources-empty", 2), ("delegations-empty", 3)] {
        wrong(name, "a list that is there has an element", Fields::new([(key, array([]))]).encode(), "out-of-range");
    }
    wrong("rrsets-map", "a map", Fields::new([(1, map([]))]).encode(), "wrong-type");
    let one = |owner: Vec<u8>, rtype: Vec<u8>, ttl: Vec<u8>, rdata: Vec<u8>| {
        of([raw_rrset(owner, rtype, ttl, rdata)]).encode()
    };
    let (apex, kind, ttl, data) = (bytes([]), uint(1), uint(0), array([bytes(ADDRESS)]));
    wrong("rrset-of-three", "no data", of([array([apex.clone(), kind.clone(), ttl.clone()])]).encode(), "out-of-range");
    wrong("rrset-of-five", "an element too many", of([array([apex.clone(), kind.clone(), ttl.clone(), data.clone(), uint(0)])]) .encode(), "out-of-range");
    wrong("rrset-map", "a map", of([map([])]).encode(), "wrong-type");
    wrong("owner-text", "an owner is in wire form", one(text("www"), kind.clone(), ttl.clone(), data.clone()), "wrong-type");
    wrong("type-0", "types begin at 1", one(apex.clone(), uint(0), ttl.clone(), data.clone()), "out-of-range");
    wrong("type-65536", "beyond 16 bits", one(apex.clone(), uint(65_536), ttl.clone(), data.clone()), "out-of-range");
    wrong("type-text", "a type is a number", one(apex.clone(), text("A"), ttl.clone(), data.clone()), "wrong-type");
    wrong("ttl-beyond", "2^31", one(apex.clone(), kind.clone(), uint(2_147_483_648), data), "out-of-range");
    wrong("ttl-negative", "-1", one(apex.clone(), kind.clone(), int(-1), array([bytes(ADDRESS)])), "wrong-type");
    wrong("rdata-none", "an rrset has data", one(apex.clone(), kind.clone(), ttl.clone(), array([])), "out-of-range");
    wrong("rdata-text", "RDATA is bytes", one(apex.clone(), kind.clone(), ttl.clone(), array([text("192.0.2.1")])), "wrong-type");
    wrong("rdata-itself", "a list, also of one", one(apex, kind, ttl, bytes(ADDRESS)), "wrong-type");
}
