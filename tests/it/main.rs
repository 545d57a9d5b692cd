//! The integration tests: one binary, one file per subject.

mod cli;
mod golden;
mod junit;
mod require;
mod signals;
mod support;
