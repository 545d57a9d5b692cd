//! Instances as child processes.

/// A running disposable server.
#[derive(Debug)]
pub struct Instance;
