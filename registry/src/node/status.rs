//! How a node does, in the words that `dotkey status`, `/v1/status` and the metrics share.

use serde::{Serialize, Serializer};

/// How a node does.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Its peer id.
    pub peer_id: String,
    /// Where it listens, as others write it.
    pub listening: Vec<String>,
    /// Connections that are open.
    pub connected_peers: usize,
    /// Peers in its routing table.
    pub known_peers: usize,
    /// Peers that are cut off now.
    pub cut_off_peers: usize,
    /// Peers that it met, also before its last start, and tries again when it is alone.
    pub remembered_peers: usize,
    /// What it keeps.
    pub records: RecordStatus,
    /// Whether its neighbours keep the same.
    pub replication: Replication,
    /// Whether others reach it.
    pub reachability: Reachability,
    /// How many seconds its clock is ahead of most peers' (negative: behind). Unknown without peers.
    pub clock_ahead_secs: Option<i64>,
    /// What someone should look at, worst first.
    pub warnings: Vec<String>,
}

/// What a node keeps.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct RecordStatus {
    /// Records.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Past this the expired and the farthest leave.
    pub bytes_max: u64,
}

/// Whether a node's neighbours keep the same records.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Replication {
    /// In a word.
    pub health: Health,
    /// Nodes that should have what this one has, itself included.
    pub cell_nodes: usize,
    /// Of the others, those that had the same when last compared.
    pub in_step: usize,
    /// Since the last comparison.
    pub last_compared_secs: Option<u64>,
}

/// Replication in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// No other node is known: this is the only copy.
    Alone,
    /// Comparing with neighbours for the first time.
    Starting,
    /// Fewer than twenty nodes are known.
    Thin,
    /// Neighbours differ, and are being brought in step.
    CatchingUp,
    /// At least twenty nodes, in step when last compared.
    Healthy,
}

impl Health {
    /// Every word that there is.
    pub const ALL: [Self; 5] = [
        Self::Alone,
        Self::Starting,
        Self::Thin,
        Self::CatchingUp,
        Self::Healthy,
    ];

    /// As everybody writes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Starting => "starting",
            Self::Thin => "thin",
            Self::CatchingUp => "catching-up",
            Self::Healthy => "healthy",
        }
    }
}

impl Serialize for Health {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// Whether others reach this node.
#[derive(Clone, Debug, Serialize)]
pub struct Reachability {
    /// `public`, `private` (behind NAT, reached through relays), `local` (no public address was tried) or `unknown`.
    pub verdict: &'static str,
    /// Addresses under which others have reached or seen it.
    pub addresses: Vec<String>,
    /// Relays through which it is reached.
    pub relays: Vec<String>,
}

/// A peer that a node knows.
#[derive(Clone, Debug, Serialize)]
pub struct PeerStatus {
    /// Its peer id.
    pub peer_id: String,
    /// Where it was reached, or is said to be.
    pub addresses: Vec<String>,
    /// Whether a connection is open.
    pub connected: bool,
    /// Whether it is in the routing table.
    pub in_table: bool,
    /// What it has done: 0 is a stranger or a good peer, -100 is cut off.
    pub standing: i32,
    /// The last round trip, if one was measured.
    pub ping_ms: Option<u64>,
    /// What its software calls itself.
    pub agent: Option<String>,
}
