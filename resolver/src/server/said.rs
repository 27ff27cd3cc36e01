//! All that is said to a question, before it is fitted to who asks.

use hickory_proto::op::ResponseCode;

use crate::answer::{Extended, Set};

/// Where what is said of an ordinary name comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Whence {
    /// From others, or it is of a name of ours.
    #[default]
    Asked,
    /// It is written down here, or reserved.
    Local,
    /// An alias leads to a name of ours: what holds of that holds of it.
    IntoOurs,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) rcode: ResponseCode,
    pub(crate) answers: Vec<Set>,
    pub(crate) authorities: Vec<Set>,
    pub(crate) extended: Option<Extended>,
    /// Whether all of it was verified here.
    pub(crate) verified: bool,
    pub(crate) whence: Whence,
}

impl Said {
    /// Nothing but how it went.
    pub(crate) fn only(rcode: ResponseCode, extended: Option<Extended>) -> Self {
        Self {
            rcode,
            answers: Vec::new(),
            authorities: Vec::new(),
            extended,
            verified: false,
            whence: Whence::default(),
        }
    }

    /// That it failed, and why.
    pub(crate) fn failed(code: u16, text: &str) -> Self {
        let text = text.to_owned();
        Self::only(ResponseCode::ServFail, Some(Extended { code, text }))
    }

    /// How long all of it may be kept.
    pub(crate) fn least_ttl(&self) -> Option<u32> {
        let sets = self.answers.iter().chain(&self.authorities);
        sets.map(|set| set.ttl).min()
    }
}
