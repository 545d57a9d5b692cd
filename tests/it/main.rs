//! Integration tests: one binary, because linking takes longer than the tests.

mod lab;
mod postgres;
mod runtime;
mod sweep;
