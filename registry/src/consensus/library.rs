//! The engine's library under the names that the rest of this folder uses. No other folder names `commonware`.

pub(super) use commonware_actor::Feedback;
pub(super) use commonware_broadcast::buffered;
pub(super) use commonware_codec::{
    Buf, DecodeExt, Encode, EncodeSize, Error as CodecError, RangeCfg, Read, Write,
};
pub(super) use commonware_consensus::types::{Epoch, Epocher, FixedEpocher, Height, ViewDelta};
pub(super) use commonware_consensus::{
    self as engine, Reporter, Reporters, Viewable, marshal, simplex,
};
pub(super) use commonware_cryptography::blake3::Digest;
pub(super) use commonware_cryptography::ed25519::{
    PrivateKey as IdentityKey, PublicKey as ValidatorKey,
};
pub(super) use commonware_cryptography::{Digestible, Signer, certificate};
pub(super) use commonware_p2p as p2p;
pub(super) use commonware_parallel::Sequential;
pub(super) use commonware_runtime::{
    Clock, Handle, Metrics, Quota, Spawner, Storage, buffer::paged::CacheRef,
};
pub(super) use commonware_storage::{archive::prunable, translator::EightCap};
pub(super) use rand_core::CryptoRng;

use commonware_cryptography::bls12381::primitives::{group, variant};

/// Short signatures, in G1; keys in G2.
pub(super) type Variant = variant::MinSig;
pub(super) type VoteKey = <Variant as variant::Variant>::Public;
pub(super) type VoteSecret = group::Private;

/// Certificates are BLS multi-signatures with short signatures: about 120 bytes for 4 validators and 131 for 100, and they
/// show who signed, which threshold signatures would hide.
pub(super) type Votes = simplex::scheme::bls12381_multisig::Scheme<ValidatorKey, Variant>;

/// A vote to finalise that a quorum cast.
pub(super) type Finalization = simplex::types::Finalization<Votes, Digest>;

/// What the engine sees happen.
pub(super) type Activity = simplex::types::Activity<Votes, Digest>;

/// What the engine needs of the runtime that it runs in: the real one, or the deterministic one of the tests.
pub(super) trait Runtime:
    Spawner + Metrics + CryptoRng + Clock + Storage + Send + Sync + 'static
{
}

impl<E> Runtime for E where
    E: Spawner + Metrics + CryptoRng + Clock + Storage + Send + Sync + 'static
{
}

/// Reads a value that fills the bytes.
pub(super) fn decode<T: Read<Cfg = ()>>(bytes: &[u8]) -> Result<T, CodecError> {
    T::decode(bytes::Bytes::copy_from_slice(bytes))
}
