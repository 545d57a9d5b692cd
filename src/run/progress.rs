//! How a long step says how far it is.

use crate::run::event::Event;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// Tells one scenario's progress to whoever shows it. Cheap to clone and to call for every chunk.
#[derive(Debug, Clone)]
pub struct Progress {
    scenario: Arc<str>,
    events: UnboundedSender<Event>,
    phase: Arc<PhaseProgress>,
}

#[derive(Debug)]
struct PhaseProgress {
    began: Instant,
    done: AtomicU64,
    told_millis: AtomicU64,
}

/// No more than ten times a second: a terminal shows no more.
const EVERY: Duration = Duration::from_millis(100);

impl Progress {
    /// For one scenario.
    #[must_use]
    pub fn new(scenario: &str, events: UnboundedSender<Event>) -> Self {
        let phase = PhaseProgress { began: Instant::now(), done: AtomicU64::new(0), told_millis: AtomicU64::new(0) };
        Self { scenario: scenario.into(), events, phase: Arc::new(phase) }
    }

    /// Begins a phase, so that bytes count from zero again.
    #[must_use]
    pub fn phase(&self, phase: crate::run::Phase, total: Option<u64>) -> Self {
        self.send(Event::Phase { scenario: self.scenario.to_string(), phase, total });
        Self::new(&self.scenario, self.events.clone())
    }

    /// Counts bytes that went through.
    pub fn add(&self, bytes: u64) {
        let done = self.phase.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let now = u64::try_from(self.phase.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let told = self.phase.told_millis.load(Ordering::Relaxed);
        if u128::from(now.saturating_sub(told)) >= EVERY.as_millis()
            && self.phase.told_millis.compare_exchange(told, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.send(Event::Bytes { scenario: self.scenario.to_string(), done });
        }
    }

    /// How many bytes went through so far.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.phase.done.load(Ordering::Relaxed)
    }

    /// Tells an event of this scenario. Nobody listening is no trouble.
    pub fn send(&self, event: Event) {
        let _ = self.events.send(event);
    }
}
