//! The integration tests: one binary, because linking takes longer than most of them; one file per subject.

// These stand on the dumps that `assay demo` makes.
#[cfg(feature = "demo")]
mod cli;
mod golden;
mod junit;
mod lab;
mod postgres;
mod require;
mod runtime;
#[cfg(feature = "demo")]
mod signals;
#[cfg(feature = "demo")]
mod stage;
