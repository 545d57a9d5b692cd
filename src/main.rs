//! The binary: reads its surroundings once and hands over.

use assay::cli::{Cli, dispatch};
use assay::context::Context;
use clap::Parser;
use std::process::ExitCode;
use std::time::Duration;

/// How long threads that still read or write may take after everything is done.
const GRACE: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let context = match Context::read() {
        Ok(context) => context,
        Err(error) => {
            eprintln!("error: the working folder cannot be read: {error}");
            return ExitCode::from(assay::exit::Exit::Usage.code());
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no threads can be started: {error}");
            return ExitCode::from(assay::exit::Exit::Unverified.code());
        }
    };
    let exit = runtime.block_on(dispatch(cli, &context));
    runtime.shutdown_timeout(GRACE);
    exit.into()
}
