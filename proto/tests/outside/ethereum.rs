//! What Ethereum's own documents publish: EIP-55, EIP-191, and signatures in the manuals of wallets' libraries.

use dotkey_proto::signature::{WalletAddress, WalletRefusal, wallet_message_hash};
use sha3::{Digest, Keccak256};

use super::array;

/// The addresses of EIP-55.
#[test]
fn eip_55() {
    for address in [
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ] {
        let bytes = array(&address[2..].to_lowercase());
        assert_eq!(WalletAddress::from_bytes(bytes).to_string(), address);
    }
}

/// Hashes of messages, as the manuals of ethers, viem and web3.js give them.
#[test]
fn eip_191_hashes() {
    for (message, hash) in [
        (
            "Hello World",
            "a1de988600a42c4b4ab089b619297c17d53cffae5d5120d82d8a92d0bb3b78f2",
        ),
        (
            "hello world",
            "d9eba16ed0ecae432b71fe008c98cc872bb4cc214d3220a36f365326cf807d68",
        ),
        (
            "Some data",
            "1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655",
        ),
    ] {
        assert_eq!(wallet_message_hash(message), array(hash), "{message}");
    }
}

/// The signature in the manual of web3.js.
#[test]
fn eip_191_signature() {
    let wallet = WalletAddress::from_bytes(array("2c7536e3605d9c16a7a3d7b1898e529396a65c23"));
    let signature: [u8; 65] = array(
        "b91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c",
    );
    let check = |wallet: WalletAddress, message, v, expected| {
        let mut signature = signature;
        signature[64] = v;
        assert_eq!(
            wallet.verifies(message, &signature),
            expected,
            "{message} {v}"
        );
    };
    let bad = Err(WalletRefusal::Bad);
    check(wallet, "Some data", 28, Ok(()));
    check(wallet, "Some data", 27, bad);
    check(wallet, "Some data", 1, bad);
    check(wallet, "Some other data", 28, bad);
    check(WalletAddress::from_bytes([7; 20]), "Some data", 28, bad);
}

/// The example of `eth_sign` in Ethereum's execution API, over bytes that are no text.
#[test]
fn eth_sign() {
    let wallet = WalletAddress::from_bytes(array("9b2055d370f73ec7d8a03e965129118dc8f5bf83"));
    let signature = array(
        "a3f20717a250c2b0b729b7e5becbff67fdaef7e0699da4de7ca5895b02a170a12d887fd3b17bfdce3481f10bea41f45ba9f709d39ce8325427b57afcfc994cee1b",
    );
    let message = b"\x19Ethereum Signed Message:\n4\xde\xad\xbe\xaf";
    let hash: [u8; 32] = Keccak256::digest(message).into();
    assert_eq!(wallet.verifies_hash(&hash, &signature), Ok(()));
}
