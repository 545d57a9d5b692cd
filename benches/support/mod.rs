//! What every benchmark needs: the machine's name, medians of interleaved rounds, and a program's peak memory.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The machine that figures belong to.
pub fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|l| l.strip_prefix("model name")).map_or("unknown", |m| m.trim_start_matches([' ', '\t', ':']));
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory: u64 =
        memory.lines().find_map(|l| l.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cores} x {model}, {} GiB, {}", (memory + (1 << 19)) >> 20, std::env::consts::OS)
}

/// The assay of this build, in a folder with its scenarios.
pub fn assay(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command.current_dir(dir).stdout(Stdio::null());
    command
}

/// Runs a command that must work. How long it took, and the peak of its own memory in bytes, without its children's.
///
/// # Panics
/// When it fails.
pub fn run(mut command: Command) -> (Duration, u64) {
    let began = Instant::now();
    let mut child = command.spawn().expect("the command starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let exit = loop {
        if let Some(exit) = child.try_wait().expect("its end") {
            break exit;
        }
        peak = high_water(&status).unwrap_or(peak);
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(exit.success(), "{command:?} must work: {exit}");
    (began.elapsed(), peak)
}

/// `VmHWM` of proc(5).
fn high_water(status: &str) -> Option<u64> {
    let status = std::fs::read_to_string(status).ok()?;
    let kib: u64 = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok())?;
    Some(kib << 10)
}

/// Goes through all cases once to warm the caches alike, then `rounds` times in turn, so that what the machine does meanwhile
/// touches all of them. The median of each, and the greatest peak of memory.
pub fn medians<const N: usize>(rounds: usize, cases: [&dyn Fn() -> (Duration, u64); N]) -> [(Duration, u64); N] {
    let mut times: [Vec<Duration>; N] = std::array::from_fn(|_| Vec::new());
    let mut peaks = [0; N];
    for round in 0..=rounds {
        for (number, case) in cases.iter().enumerate() {
            let (time, peak) = case();
            peaks[number] = peak.max(peaks[number]);
            if round > 0 {
                times[number].push(time);
            }
        }
    }
    std::array::from_fn(|number| {
        times[number].sort();
        (times[number][rounds / 2], peaks[number])
    })
}
