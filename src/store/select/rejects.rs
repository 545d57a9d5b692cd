//! The objects that were not chosen: the most telling of however many there are.

use crate::report::evidence::{MOST_REJECTED, Rejected};
use jiff::Timestamp;

/// Keeps at most [`MOST_REJECTED`] of them: those of the series first, each kind from the newest on.
#[derive(Debug, Default)]
pub(super) struct Rejects {
    kept: Vec<Reject>,
    count: usize,
}

#[derive(Debug)]
struct Reject {
    of_the_series: bool,
    time: Timestamp,
    rejected: Rejected,
}

impl Rejects {
    pub(super) fn push(&mut self, of_the_series: bool, time: Timestamp, key: String, reason: String) {
        self.count += 1;
        self.kept.push(Reject { of_the_series, time, rejected: Rejected { key, reason } });
        if self.kept.len() >= 4 * MOST_REJECTED {
            self.prune();
        }
    }

    fn prune(&mut self) {
        self.kept.sort_by_key(|reject| std::cmp::Reverse((reject.of_the_series, reject.time)));
        self.kept.truncate(MOST_REJECTED);
    }

    /// A few names.
    pub(super) fn names(&self, most: usize) -> Vec<&str> {
        let mut newest: Vec<_> = self.kept.iter().collect();
        newest.sort_by_key(|reject| std::cmp::Reverse(reject.time));
        newest.iter().take(most).map(|reject| reject.rejected.key.as_str()).collect()
    }

    /// The kept ones; when there were more, the last entry says how many.
    pub(super) fn finish(mut self) -> Vec<Rejected> {
        self.prune();
        let mut kept: Vec<_> = self.kept.into_iter().map(|r| r.rejected).collect();
        if self.count > MOST_REJECTED {
            kept.truncate(MOST_REJECTED - 1);
            let more = crate::units::grouped((self.count - kept.len()) as u64);
            kept.push(Rejected { key: format!("({more} more)"), reason: "not listed here one by one".to_owned() });
        }
        kept
    }
}
