//! `assay demo`: the whole way, on a store and two databases of its own.

use super::run::RunArgs;
use super::{Global, load_or_explain, session};
use crate::context::Context;
use crate::demo::{self, Stage};
use crate::error::Result;
use crate::exit::Exit;
use crate::report::evidence::{Evidence, Summary, exit};
use crate::run::signals::Signals;
use crate::verdict::Verdict;
use clap::Args;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Options of `assay demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The folder that everything is made in
    #[arg(long, value_name = "DIR", default_value = "assay-demo")]
    pub dir: PathBuf,
    /// Leave the store up afterwards, to try `assay` on it
    #[arg(long)]
    pub serve: bool,
}

/// What the story promises of each scenario.
const STORY: [(&str, Verdict); 2] = [("codetalk", Verdict::Pass), ("bookmarked", Verdict::Fail)];

/// Sets the stage, runs the scenarios on it, and passes when the story went as it is told.
pub async fn demo(args: DemoArgs, global: &Global, cx: &Context) -> Exit {
    match perform(args, global, cx).await {
        Ok(exit) => exit,
        Err(error) => {
            cx.explain(&error);
            Exit::Unverified
        }
    }
}

async fn perform(args: DemoArgs, global: &Global, cx: &Context) -> Result<Exit> {
    let say = |text: &str| {
        if !global.quiet {
            // The demo's exit code tells whether its story went as it should.
            let _ = cx.print(text);
        }
    };
    say("assay demo: would the backups of two small databases come back?\n");
    let stop = CancellationToken::new();
    let signals = Signals::watch(stop.clone())?;
    let dir = cx.cwd.join(&args.dir);
    let stage = tokio::select! {
        stage = demo::set(&dir, &cx.secrets, &say) => stage?,
        // Giving up the stage ends everything that was started for it.
        () = stop.cancelled() => return Ok(exit(&Summary::default(), false, signals.first())),
    };
    drop(signals);
    say("\nWhat `assay run` says about them:\n");
    let global = Global { config: Some(stage.config()), ..global.clone() };
    let loaded = match load_or_explain(Vec::new(), &global, cx) {
        Ok(loaded) => loaded,
        Err(exit) => return Ok(exit),
    };
    let (evidence, exit) = session::prove_and_report(loaded, &RunArgs::default(), &global, cx).await?;
    if evidence.run.stopped_by.is_some() {
        return Ok(exit);
    }
    let told = as_told(&evidence);
    say(epilogue(told));
    if args.serve {
        serve(&stage, &args.dir, cx).await?;
    }
    Ok(if told { Exit::Passed } else { Exit::Unverified })
}

fn as_told(evidence: &Evidence) -> bool {
    STORY.iter().all(|(name, verdict)| evidence.scenarios.iter().any(|s| s.name == *name && s.verdict == *verdict))
}

const fn epilogue(told: bool) -> &'static str {
    if told {
        "\nThat is the point: both uploads had ended well. On your own backups `assay run` would have ended with exit code 1."
    } else {
        "\nThe demo did not go as it should: codetalk was to be proven, and bookmarked to be caught."
    }
}

/// Keeps the store up until a signal comes.
async fn serve(stage: &Stage, dir: &Path, cx: &Context) -> Result<()> {
    let _ = cx.print(&format!(
        "\nThe store stays up at http://{}. In another terminal:\n  cd {} && assay list && assay run codetalk\nCtrl-C ends it.",
        stage.address(),
        dir.display()
    ));
    let stop = CancellationToken::new();
    let _signals = Signals::watch(stop.clone())?;
    stop.cancelled().await;
    Ok(())
}
