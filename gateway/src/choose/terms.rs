//! How a resource wants its requests spread, retried and given up: what its record says, and ours where it says nothing.

use core::time::Duration;

use dotkey_proto::zone::{Balance, Pins, Resource, ResourcePolicy, Sticky};

/// Retries for a hundred requests.
const RETRY_PERCENT: u8 = 20;
/// Hedges for a hundred requests.
const HEDGE_PERCENT: u8 = 5;
/// A connection on another continent takes a third of this; one that takes longer is worth a second try elsewhere.
const CONNECT: Duration = Duration::from_secs(1);
/// A page may be made slowly.
const FIRST_BYTE: Duration = Duration::from_secs(30);
/// Checks of our own.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
const RISE: u8 = 2;
const FALL: u8 = 3;

/// How a resource wants its requests spread, retried and given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How one of several providers is chosen.
    pub balance: Balance,
    /// Retries for a hundred requests.
    pub retry_percent: u8,
    /// Hedges for a hundred requests.
    pub hedge_percent: u8,
    /// When a second provider is asked; after the 95th percentile where the record says nothing.
    pub hedge_after: Option<Duration>,
    /// Until a connection stands.
    pub connect: Duration,
    /// Until the first byte of an answer.
    pub first_byte: Duration,
    /// Until the whole answer is there; without end where the record says nothing, for streams.
    pub whole: Option<Duration>,
    /// Checks of our own.
    pub check: Check,
    /// What keeps the requests of one client together.
    pub sticky: Option<Sticky>,
    /// Whether a provider must have a pinned key.
    pub pins_required: bool,
    /// Regions, the preferred first.
    pub regions: Vec<Box<str>>,
    /// With fewer healthy providers than this an operator is warned.
    pub least_healthy: u8,
}

/// Checks of our own. Where they are wanted, a provider without a path is only connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Whether the record asks for them.
    pub wanted: bool,
    /// What providers without a health path of their own are asked for.
    pub path: Option<Box<str>>,
    /// From one check to the next.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Good answers in a row that make a provider well.
    pub rise: u8,
    /// Failures in a row that make it unwell.
    pub fall: u8,
}

impl Terms {
    /// The terms of a resource.
    #[must_use]
    pub fn of(resource: &Resource) -> Self {
        let none = ResourcePolicy::default();
        let policy = resource.policy.as_ref().unwrap_or(&none);
        let ms = |ms: Option<u32>| ms.map(|ms| Duration::from_millis(ms.into()));
        let timeouts = policy.timeouts.clone().unwrap_or_default();
        let hedge = policy.hedge.clone().unwrap_or_default();
        let wanted = policy.health.is_some();
        let check = policy.health.clone().unwrap_or_default();
        Self {
            balance: policy.balance.unwrap_or(Balance::Quality),
            pins_required: policy.pins == Some(Pins::Required),
            retry_percent: policy.retry_percent.unwrap_or(RETRY_PERCENT),
            hedge_percent: hedge.percent.unwrap_or(HEDGE_PERCENT),
            hedge_after: ms(hedge.after_ms),
            connect: ms(timeouts.connect_ms).unwrap_or(CONNECT),
            first_byte: ms(timeouts.first_byte_ms).unwrap_or(FIRST_BYTE),
            whole: ms(timeouts.whole_ms),
            check: Check {
                wanted,
                path: check.path.map(|path| path.as_str().into()),
                interval: ms(check.interval_ms).unwrap_or(CHECK_INTERVAL),
                timeout: ms(check.timeout_ms).unwrap_or(CHECK_TIMEOUT),
                rise: check.rise.unwrap_or(RISE),
                fall: check.fall.unwrap_or(FALL),
            },
            sticky: policy.sticky.clone(),
            regions: policy.regions.clone(),
            least_healthy: policy.least_healthy.unwrap_or(1),
        }
    }
}
