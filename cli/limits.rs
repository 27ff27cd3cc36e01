//! What the system lets this process have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files for all else: stores, logs, sockets to peers, nodes and upstreams.
const FILES_ELSEWHERE: u64 = 512;

/// How many connections of clients there is room for, once the process may have open what the system allows it at most. Many systems
/// begin with 1024 files, which idle clients would use up.
pub(crate) fn connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Where it may not be raised it stays, and there is room for fewer.
    let _ = setrlimit(Resource::Nofile, raised);
    room(getrlimit(Resource::Nofile).current)
}

fn room(files: Option<u64>) -> usize {
    let room = files.map(|files| files - FILES_ELSEWHERE.min(files / 2));
    room.map_or(usize::MAX, |room| {
        usize::try_from(room).unwrap_or(usize::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_files_are_left_for_all_else() {
        assert_eq!(room(None), usize::MAX);
        assert_eq!(room(Some(20_000)), 19_488);
        assert_eq!(room(Some(1024)), 512);
        assert_eq!(room(Some(256)), 128);
    }

    #[test]
    fn the_limit_is_as_high_as_it_may_be() {
        connections();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
