//! `assay schema`: JSON Schemas for editors and for whoever reads the evidence.

use super::say::print_as_it_is;
use crate::exit::Exit;
use crate::report::evidence;
use crate::scenario::schema as scenario;
use clap::{Args, ValueEnum};

/// Options of `assay schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Of what
    #[arg(value_enum, default_value = "scenario")]
    pub of: Of,
}

/// What a schema can describe.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Of {
    /// A scenario file
    Scenario,
    /// assay.yaml
    Settings,
    /// evidence.json
    Evidence,
}

/// Prints the schema.
#[must_use]
pub fn schema(args: &SchemaArgs) -> Exit {
    let schema = match args.of {
        Of::Scenario => scenario::scenario_schema(),
        Of::Settings => scenario::settings_schema(),
        Of::Evidence => evidence::schema(),
    };
    print_as_it_is(&format!("{schema:#}"))
}
