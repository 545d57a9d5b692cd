//! SIGINT and SIGTERM (SIGHUP counts as it): the first asks the run to tear down and report, the second ends the process at once.

use crate::error::{Error, Result};
use crate::report::evidence::{Signal, Summary, exit};
use std::sync::{Arc, OnceLock};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Watches for signals until it is dropped.
#[derive(Debug)]
pub struct Signals {
    first: Arc<OnceLock<Signal>>,
    watching: tokio::task::JoinHandle<()>,
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl Signals {
    /// Cancels `stop` at the first signal.
    ///
    /// # Errors
    /// Harness: the process cannot listen to signals.
    pub fn watch(stop: CancellationToken) -> Result<Self> {
        let cannot = |error| Error::harness(format!("signals cannot be watched: {error}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
        // A closed terminal or a dropped connection wants the same as `kill`.
        let mut hangup = signal(SignalKind::hangup()).map_err(cannot)?;
        let first = Arc::new(OnceLock::new());
        let seen = first.clone();
        let watching = tokio::spawn(async move {
            loop {
                let signal = tokio::select! {
                    _ = interrupt.recv() => Signal::Interrupt,
                    _ = terminate.recv() => Signal::Terminate,
                    _ = hangup.recv() => Signal::Terminate,
                };
                if seen.set(signal).is_err() {
                    // Whoever asks twice wants no teardown; the next run sweeps up.
                    std::process::exit(exit(&Summary::default(), false, Some(signal)).code().into());
                }
                stop.cancel();
            }
        });
        Ok(Self { first, watching })
    }

    /// The signal that stopped the run, if one did.
    #[must_use]
    pub fn first(&self) -> Option<Signal> {
        self.first.get().copied()
    }
}
