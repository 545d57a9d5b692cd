//! Tools that make no progress: they read nothing, they write nothing, and the server does nothing for them. `pg_restore` spins
//! for ever on a cut tar archive; a dump can make the server sleep. No time limit of the whole can tell that from work.

use super::proc::{self, Deeds, Identity};
use crate::error::Error;
use crate::units::Span;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What to watch a tool against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch {
    /// The server that works for the tool.
    pub server: u32,
    /// The user of both.
    pub uid: u32,
    /// How long nothing may be done.
    pub limit: Duration,
}

/// How often in a limit it is looked. Each look reads a few files per process.
const LOOKS: u32 = 20;
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A server that works has at least this share of one processor; one that idles wakes up from time to time and goes to sleep again.
const BUSY_PERCENT: u128 = 1;

/// Clock ticks in a second (`USER_HZ`), the same on every Linux.
const TICKS: u128 = 100;

/// Fewer ticks are chance.
const LEAST_TICKS: u64 = 2;

/// A server that idles looks at its own few files now and then.
const SERVER_MOVES: u64 = 64 << 10;

/// Returns when the tool with this process group has made no progress for the limit. Never returns where the system does not tell
/// what processes do.
pub(super) async fn stalled(group: i32, watch: Watch) -> Error {
    let pause = (watch.limit / LOOKS).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    let mut last: Option<(Instant, Work)> = None;
    loop {
        tokio::time::sleep(pause).await;
        let look = tokio::task::spawn_blocking(move || Work::of(&proc::deeds(watch.uid), group, watch.server));
        let now = Instant::now();
        let Some(work) = look.await.ok().flatten() else {
            last = None;
            continue;
        };
        match &last {
            Some((_, before)) if !work.goes_on(before, watch.limit) => {}
            _ => last = Some((now, work)),
        }
        if last.as_ref().is_some_and(|(since, _)| now.duration_since(*since) >= watch.limit) {
            return error(watch.limit);
        }
    }
}

fn error(limit: Duration) -> Error {
    let limit = Span(limit);
    Error::harness(format!("it made no progress for {limit}: it read nothing, wrote nothing, and its server did nothing"))
        .hint("If the server may do nothing for so long (locks, sleeping triggers), raise `timeouts.no_progress` in assay.yaml.")
}

/// What was done up to some moment.
#[derive(Debug)]
struct Work {
    /// Bytes moved by each of the tool's processes.
    tool: HashMap<Identity, u64>,
    /// Processor time and bytes moved by the server's processes.
    server: HashMap<Identity, (u64, u64)>,
    /// One of them waits for a disk, which can take any time.
    waits_for_disk: bool,
}

impl Work {
    /// `None` where the system does not tell.
    fn of(all: &[Deeds], group: i32, server: u32) -> Option<Self> {
        let is_server = |pid: i32| u32::try_from(pid).is_ok_and(|pid| pid == server);
        let tool = || all.iter().filter(|one| one.group == group);
        let of_server = || all.iter().filter(|one| is_server(one.process.pid) || is_server(one.parent));
        let tools: Option<HashMap<_, _>> = tool().map(|one| Some((one.process, one.moved?))).collect();
        let servers: Option<HashMap<_, _>> = of_server().map(|one| Some((one.process, (one.cpu, one.moved?)))).collect();
        Some(Self {
            tool: tools.filter(|tools| !tools.is_empty())?,
            server: servers?,
            waits_for_disk: tool().chain(of_server()).any(|one| one.waits_for_disk),
        })
    }

    /// Whether something was done since `before`.
    fn goes_on(&self, before: &Self, limit: Duration) -> bool {
        let since = |process: &Identity| before.server.get(process).copied().unwrap_or_default();
        let done = self.server.iter().map(|(process, (cpu, moved))| {
            let (cpu_before, moved_before) = since(process);
            (cpu.saturating_sub(cpu_before), moved.saturating_sub(moved_before))
        });
        let (cpu, moved) = done.fold((0, 0), |(cpu, moved): (u64, u64), one| (cpu + one.0, moved + one.1));
        self.tool != before.tool || self.waits_for_disk || cpu >= busy(limit) || moved >= SERVER_MOVES
    }
}

/// The ticks of a server that works, in this time.
fn busy(limit: Duration) -> u64 {
    let ticks = limit.as_millis() * TICKS * BUSY_PERCENT / (1000 * 100);
    u64::try_from(ticks).unwrap_or(u64::MAX).max(LEAST_TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_mins(2);

    fn process(pid: i32, parent: i32, group: i32) -> Deeds {
        let process = Identity { pid, start: 1 };
        Deeds { process, parent, group, cpu: 100, moved: Some(1000), waits_for_disk: false }
    }

    /// A tool (10, its group 10) with a worker, a server (20) with a session (21), and somebody else.
    fn all() -> Vec<Deeds> {
        vec![process(10, 1, 10), process(11, 10, 10), process(20, 1, 20), process(21, 20, 21), process(30, 1, 30)]
    }

    fn goes_on(change: impl Fn(&mut Vec<Deeds>)) -> bool {
        let mut later = all();
        change(&mut later);
        let work = |all: &[Deeds]| Work::of(all, 10, 20).expect("told");
        work(&later).goes_on(&work(&all()), LIMIT)
    }

    #[test]
    fn work_is_told_from_spinning_and_idling() {
        assert!(!goes_on(|_| ()), "nothing");
        assert!(!goes_on(|all| all[0].cpu += 10_000), "a tool that spins");
        assert!(!goes_on(|all| all[3].cpu += 100), "a server that wakes up now and then");
        assert!(!goes_on(|all| all[3].moved = Some(6000)), "a server that looks at its own files");
        assert!(goes_on(|all| all[2].moved = Some(1 << 20)), "a server of one process");
        assert!(!goes_on(|all| all[4].moved = Some(1 << 20)), "somebody else");
        assert!(goes_on(|all| all[0].moved = Some(1001)), "a tool that reads");
        assert!(goes_on(|all| all[1].moved = Some(1001)), "a worker that reads");
        assert!(goes_on(|all| all[3].cpu += 130), "a server that builds an index");
        assert!(goes_on(|all| all[3].moved = Some(1 << 20)), "a server that writes");
        assert!(goes_on(|all| all[3].waits_for_disk = true), "a slow disk");
        assert!(goes_on(|all| all.retain(|one| one.process.pid != 11)), "a worker that ended");
        assert!(goes_on(|all| all.push(Deeds { cpu: 500, ..process(22, 20, 22) })), "a session that is new");
    }

    #[test]
    fn where_nothing_is_told_nothing_is_said() {
        assert!(Work::of(&[], 10, 20).is_none());
        for hidden in [0, 3] {
            let mut all = all();
            all[hidden].moved = None;
            assert!(Work::of(&all, 10, 20).is_none(), "{hidden}");
        }
        let mut others = all();
        others[4].moved = None;
        assert!(Work::of(&others, 10, 20).is_some());
    }

    #[test]
    fn a_short_limit_needs_more_than_chance() {
        assert_eq!((busy(LIMIT), busy(Duration::from_secs(2)), busy(Duration::from_millis(1))), (120, 2, 2));
    }
}
