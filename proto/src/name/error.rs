//! Why something is not a name: one variant a rule, each with its facts and with what would be right.

use alloc::boxed::Box;

use super::facts::{Form, Place, Shown, Suggestion};
use crate::limits::{
    CLAIMABLE_LABEL_BYTES_MAX, LABEL_BYTES_MAX, NAME_BYTES_MAX, NAME_INPUT_BYTES_MAX,
};

/// A refusal. Labels are quoted as they were given; positions count characters from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing was given.
    #[error("an empty text is not a name; write one such as `mysite.key`")]
    Empty,
    /// More text than any name can have.
    #[error(
        "{octets} octets are too many for a name as it is written; at most {NAME_INPUT_BYTES_MAX} are read"
    )]
    InputTooLong {
        /// Octets of UTF-8 that were given.
        octets: usize,
    },
    /// Two dots in a row, or one in front.
    #[error(
        "{text:?} is not a name: nothing stands in its label {index}; write exactly one dot between labels"
    )]
    EmptyLabel {
        /// What was given.
        text: Box<str>,
        /// Which label is empty, counted from 1 on the left.
        index: usize,
    },
    /// The suffix and nothing else.
    #[error("{text:?} is the suffix alone; write a label before it, such as `mysite.{suffix}`")]
    SuffixAlone {
        /// What was given.
        text: Box<str>,
        /// The suffix.
        suffix: Box<str>,
    },
    /// A name of some other system.
    #[error("{text:?} does not end in `.{suffix}`; names here do, such as `mysite.{suffix}`")]
    NotUnderSuffix {
        /// What was given.
        text: Box<str>,
        /// The suffix.
        suffix: Box<str>,
    },
    /// Begins with `@` and is not two labels with one slash between them.
    #[error(
        "{text:?} is not a path form; write two labels as `@scope/namespace`, which means `namespace.scope.{suffix}`"
    )]
    PathForm {
        /// What was given.
        text: Box<str>,
        /// The suffix.
        suffix: Box<str>,
    },
    /// A character that this label may not contain.
    #[error("{label:?} is not a name: {} at position {position} is not allowed in {place}; use {}{}",
        Shown(*character), place.alphabet(), Suggestion(suggestion))]
    BadCharacter {
        /// The label.
        label: Box<str>,
        /// The character.
        character: char,
        /// Its position, from 1.
        position: usize,
        /// Which rules hold there.
        place: Place,
        /// A name near to the one that was meant, or nothing.
        suggestion: Option<Box<str>>,
    },
    /// A label that is only a star.
    #[error(
        "`*` in {text:?} is not a name to resolve; wildcards belong to the owners in a zone, so put a label in its place"
    )]
    Wildcard {
        /// What was given.
        text: Box<str>,
    },
    /// A hyphen first or last.
    #[error(
        "{label:?} is not a name: a label neither begins nor ends with a hyphen{}",
        Suggestion(suggestion)
    )]
    HyphenAtEdge {
        /// The label.
        label: Box<str>,
        /// A name near to the one that was meant, or nothing.
        suggestion: Option<Box<str>>,
    },
    /// RFC 5891 section 4.2.3.1: two hyphens there mark an encoding.
    #[error(
        "{label:?} is not a name: hyphens at positions 3 and 4 together mark encoded labels such as `xn--...`; leave one out{}",
        Suggestion(suggestion)
    )]
    HyphensAtThreeAndFour {
        /// The label.
        label: Box<str>,
        /// A name near to the one that was meant, or nothing.
        suggestion: Option<Box<str>>,
    },
    /// More than DNS carries in one label.
    #[error("{label:?} has {octets} octets; a label has at most {LABEL_BYTES_MAX}")]
    LabelTooLong {
        /// The label, in ASCII.
        label: Box<str>,
        /// Its octets.
        octets: usize,
    },
    /// Too long to be claimed.
    #[error(
        "{label:?} has {octets} octets; a claimed label has at most {CLAIMABLE_LABEL_BYTES_MAX}, counted in its `xn--` form where it has one"
    )]
    ClaimTooLong {
        /// The label, in ASCII.
        label: Box<str>,
        /// Its octets.
        octets: usize,
    },
    /// More than DNS carries in one name.
    #[error(
        "the name has {octets} octets in wire form; at most {NAME_BYTES_MAX} fit, so shorten or drop labels"
    )]
    NameTooLong {
        /// Octets in wire form, with the length octets and the root.
        octets: usize,
    },
    /// A suffix so long that no self-certifying name would fit under it.
    #[error("the suffix has {octets} octets; at most {limit} leave room for names under it")]
    SuffixTooLong {
        /// Its octets.
        octets: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A label that nobody can claim.
    #[error("`{label}` cannot be claimed: {reason}; choose another label")]
    Reserved {
        /// The label.
        label: Box<str>,
        /// Why it is kept.
        reason: &'static str,
    },
    /// A root label of a length that has no meaning.
    #[error(
        "{label:?} has {octets} octets; a claimed label has at most {CLAIMABLE_LABEL_BYTES_MAX}, an ed25519 key has 52 and a key id 56: check that it was copied whole"
    )]
    KeyLength {
        /// The label.
        label: Box<str>,
        /// Its octets.
        octets: usize,
    },
    /// `0x` and not 40 digits after it.
    #[error(
        "{label:?} has {digits} characters after `0x`; a wallet's address has 40, and nothing else may begin with `0x`"
    )]
    WalletLength {
        /// The label.
        label: Box<str>,
        /// Characters after `0x`.
        digits: usize,
    },
    /// A character outside the form's alphabet.
    #[error("{label:?} is not {form}: {} at position {position} is not one of `{}`; copy it again", Shown(*character), form.alphabet())]
    KeyCharacter {
        /// The label.
        label: Box<str>,
        /// The form that a label of this length or beginning has.
        form: Form,
        /// The character.
        character: char,
        /// Its position, from 1.
        position: usize,
    },
    /// The padding bits of a 52-character label are not zero.
    #[error(
        "{label:?} is not {}: its last character carries bits that belong to no key; it can only be `y` or `o`",
        Form::Ed25519
    )]
    KeyTrailingBits {
        /// The label.
        label: Box<str>,
    },
    /// The checksum does not fit: a character was mistaken.
    #[error(
        "{label:?} is not {}: its checksum does not match, so some character is wrong; copy it again",
        Form::KeyId
    )]
    KeyChecksum {
        /// The label.
        label: Box<str>,
    },
    /// A form that this version does not know.
    #[error(
        "{label:?} is {} of version {version}; this program knows version 1, so look for a newer one",
        Form::KeyId
    )]
    KeyVersion {
        /// The label.
        label: Box<str>,
        /// The version byte.
        version: u8,
    },
    /// An `xn--` label that decodes to nothing sensible.
    #[error(
        "{label:?} is not a name: what follows `xn--` is not Punycode of a text outside ASCII; write the label itself"
    )]
    BadPunycode {
        /// The label.
        label: Box<str>,
    },
    /// An `xn--` label whose text has another A-label.
    #[error("{label:?} is not a name: its text is written `{}`", right.escape_debug())]
    NotCanonical {
        /// The label.
        label: Box<str>,
        /// The A-label of the same text.
        right: Box<str>,
    },
    /// A character that UTS 46 disallows.
    #[error("{label:?} is not a name: {} at position {position} is not allowed in domain names; leave it out", Shown(*character))]
    Disallowed {
        /// The label.
        label: Box<str>,
        /// The character.
        character: char,
        /// Its position, from 1.
        position: usize,
    },
    /// A character that UTS 39 restricts.
    #[error("{label:?} is not a name: {} at position {position} is a symbol, an obsolete letter or otherwise not for identifiers (UTS 39); use letters and digits in common use", Shown(*character))]
    Restricted {
        /// The label, in Unicode.
        label: Box<str>,
        /// The character.
        character: char,
        /// Its position, from 1.
        position: usize,
    },
    /// A zero-width joiner or non-joiner.
    #[error("{label:?} is not a name: {} at position {position} cannot be seen; leave it out", Shown(*character))]
    Joiner {
        /// The label.
        label: Box<str>,
        /// The character.
        character: char,
        /// Its position, from 1.
        position: usize,
    },
    /// A combining mark with nothing to combine with.
    #[error("{label:?} is not a name: it begins with the combining mark {}; put a letter before it", Shown(*character))]
    LeadingMark {
        /// The label.
        label: Box<str>,
        /// The mark.
        character: char,
    },
    /// Letters of several scripts.
    #[error("{label:?} is not a name: {} at position {position} is of another script than what stands before it; keep a label to one script", Shown(*character))]
    MixedScript {
        /// The label, in Unicode.
        label: Box<str>,
        /// The first character that no script shares with all before it.
        character: char,
        /// Its position, from 1.
        position: usize,
    },
    /// Looks like an ASCII label.
    #[error(
        "{label:?} is not a name: it looks the same as `{imitates}`; if that was meant, write it in ASCII"
    )]
    Confusable {
        /// The label, in Unicode.
        label: Box<str>,
        /// The ASCII label that it would be taken for.
        imitates: Box<str>,
    },
    /// RFC 5893.
    #[error(
        "{text:?} is not a name: it mixes directions of writing in a way that cannot be read back (RFC 5893); beside right-to-left labels, begin each label with a letter"
    )]
    Bidi {
        /// The label or the name.
        text: Box<str>,
    },
    /// No `key://` in front.
    #[error("{text:?} is not a key URI; write `key://mysite/path`")]
    UriScheme {
        /// What was given.
        text: Box<str>,
    },
    /// A user, a port or an empty authority.
    #[error(
        "{authority:?} between `key://` and the path has to be a name without suffix, user or port, such as `key://mysite/`"
    )]
    UriAuthority {
        /// What stands there.
        authority: Box<str>,
    },
    /// A suffix, which a URI leaves out.
    #[error("{authority:?} carries a suffix, and a key URI has none; write `key://{}/`", right.escape_debug())]
    UriSuffix {
        /// What stands there.
        authority: Box<str>,
        /// The authority without the suffix.
        right: Box<str>,
    },
    /// A character that has to be percent-encoded.
    #[error("{} at position {position} of the path cannot stand in a URI; percent-encode it", Shown(*character))]
    UriPath {
        /// The character.
        character: char,
        /// Its position in what follows the authority, from 1.
        position: usize,
    },
}

impl NameError {
    /// A stable word for the rule that was broken: the reason that test vectors name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::InputTooLong { .. } => "input-too-long",
            Self::EmptyLabel { .. } => "empty-label",
            Self::SuffixAlone { .. } => "suffix-alone",
            Self::NotUnderSuffix { .. } => "not-under-suffix",
            Self::PathForm { .. } => "path-form",
            Self::BadCharacter { .. } => "bad-character",
            Self::Wildcard { .. } => "wildcard",
            Self::HyphenAtEdge { .. } => "hyphen-at-edge",
            Self::HyphensAtThreeAndFour { .. } => "hyphens-at-three-and-four",
            Self::LabelTooLong { .. } => "label-too-long",
            Self::ClaimTooLong { .. } => "claim-too-long",
            Self::NameTooLong { .. } => "name-too-long",
            Self::SuffixTooLong { .. } => "suffix-too-long",
            Self::Reserved { .. } => "reserved",
            Self::KeyLength { .. } => "key-length",
            Self::WalletLength { .. } => "wallet-length",
            Self::KeyCharacter { .. } => "key-character",
            Self::KeyTrailingBits { .. } => "key-trailing-bits",
            Self::KeyChecksum { .. } => "key-checksum",
            Self::KeyVersion { .. } => "key-version",
            Self::BadPunycode { .. } => "bad-punycode",
            Self::NotCanonical { .. } => "not-canonical",
            Self::Disallowed { .. } => "disallowed-character",
            Self::Restricted { .. } => "restricted-character",
            Self::Joiner { .. } => "joiner",
            Self::LeadingMark { .. } => "leading-mark",
            Self::MixedScript { .. } => "mixed-script",
            Self::Confusable { .. } => "confusable",
            Self::Bidi { .. } => "bidi",
            Self::UriScheme { .. } => "uri-scheme",
            Self::UriAuthority { .. } => "uri-authority",
            Self::UriSuffix { .. } => "uri-suffix",
            Self::UriPath { .. } => "uri-path",
        }
    }
}
