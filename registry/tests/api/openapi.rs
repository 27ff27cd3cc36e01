#[test]
fn print() {
    let r = crate::node::Draft::default().sign();
    let k = crate::node::key_id(&r);
    panic!("{k} {:02x?}", k.as_bytes());
}
