//! `PostgreSQL` dumps.

/// The `postgres:` block of a scenario.
#[derive(Debug, Clone, Default)]
pub struct PostgresSpec {
    /// The server's major version; the smallest that can restore the dump when absent.
    pub version: Option<u32>,
    /// Parallel restore jobs; by the machine when absent.
    pub jobs: Option<usize>,
}

/// The subject.
#[derive(Debug)]
pub struct Postgres;

impl Postgres {
    /// For one scenario.
    #[must_use]
    pub fn new(_spec: PostgresSpec) -> Self {
        Self
    }
}
