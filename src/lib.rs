//! `assay` answers one question with evidence: **if today were the disaster, would the data come back?**
//!
//! It takes the newest backup out of a store, restores it into a disposable server, measures what came back, judges it
//! and reports it. [`run::one`] tells the way of one scenario on one page; `ARCHITECTURE.md` is the map.

pub mod census;
pub mod check;
pub mod cli;
pub mod context;
#[cfg(feature = "demo")]
pub mod demo;
pub mod error;
pub mod exit;
pub mod history;
pub mod http;
pub mod mongoarchive;
pub mod open;
pub mod pgdump;
pub mod report;
pub mod run;
pub mod runtime;
pub mod scenario;
pub mod secret;
pub mod store;
pub mod subject;
pub mod tls;
pub mod units;
pub mod verdict;
