//! Small closed sets: each value has the number that the format stores and the word that people write.

use crate::cbor::{CborError, Reader};

/// Defines an enum whose values are numbered from 1 without a gap.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $value:ident = $number:literal $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$doc])* $value = $number,)+
        }

        impl $name {
            /// Every value, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$value,)+];

            /// The number that the format stores.
            #[must_use]
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The word that zone files use.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }

            /// The value that this word stands for.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.word() == word)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

pub(super) use words;

/// Reads the number of one of `all`, which are numbered from 1.
pub(super) fn read<T: Copy>(
    reader: &mut Reader<'_>,
    what: &'static str,
    all: &[T],
) -> Result<T, CborError> {
    let number = reader.uint_in(what, 1, all.len() as u64)?;
    Ok(all[number as usize - 1])
}
