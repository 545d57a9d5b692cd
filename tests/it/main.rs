//! The integration tests: one binary, because linking takes longer than most of them; one file per subject.

// What stands on the demo: its dumps, and the S3 server that it brings.
#[cfg(feature = "demo")]
mod cli;
#[cfg(feature = "demo")]
mod corpus;
#[cfg(feature = "demo")]
mod dns;
#[cfg(feature = "demo")]
mod drift;
mod examples;
mod golden;
mod hostile;
#[cfg(feature = "demo")]
mod http;
mod junit;
mod lab;
#[cfg(feature = "demo")]
mod live_exports;
mod live_tls;
mod matches;
mod mongo_lab;
mod mongoarchive;
mod mongodb;
mod pgdump;
mod pginventory;
mod pgscript;
mod pgshape;
mod postgres;
#[cfg(feature = "demo")]
mod reference;
mod require;
mod runtime;
#[cfg(feature = "demo")]
mod secrets;
#[cfg(feature = "demo")]
mod signals;
#[cfg(feature = "demo")]
mod stage;
mod stall;
#[cfg(feature = "demo")]
mod store_faults;
#[cfg(feature = "demo")]
mod support;
mod sweep;
