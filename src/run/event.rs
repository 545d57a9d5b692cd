//! What happens during a run: the contract between the run and whoever shows it. Reporters know nothing of the run.

use crate::report::evidence::ScenarioRecord;
use crate::run::Phase;

/// One thing that happened to one scenario.
#[derive(Debug, Clone)]
pub enum Event {
    /// A scenario began.
    Started {
        /// Its name.
        scenario: String,
    },
    /// A phase began.
    Phase {
        /// The scenario's name.
        scenario: String,
        /// The phase.
        phase: Phase,
        /// How many bytes it will go through, where that is known.
        total: Option<u64>,
    },
    /// Bytes went through the phase.
    Bytes {
        /// The scenario's name.
        scenario: String,
        /// All bytes of this phase so far.
        done: u64,
    },
    /// A scenario ended, with everything that is known of it.
    Finished {
        /// Its record, redacted.
        record: Box<ScenarioRecord>,
    },
    /// Something a person should read while the run goes on.
    Note {
        /// The text.
        text: String,
    },
}
