//! The integration tests: one binary, because linking takes longer than most of them; one file per subject.

// What stands on the demo: its dumps, and the S3 server that it brings.
#[cfg(feature = "demo")]
mod cli;
#[cfg(feature = "demo")]
mod corpus;
#[cfg(feature = "demo")]
mod dns;
mod examples;
mod golden;
mod hostile;
mod http;
mod junit;
mod lab;
mod postgres;
mod require;
mod runtime;
#[cfg(feature = "demo")]
mod secrets;
#[cfg(feature = "demo")]
mod signals;
#[cfg(feature = "demo")]
mod stage;
#[cfg(feature = "demo")]
mod store_faults;
mod support;
mod sweep;
