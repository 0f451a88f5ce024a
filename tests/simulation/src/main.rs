//! Runs simulations: many seeds, one seed with its trace, or planted bugs. `cargo xtask sim` starts it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it speaks to the person who started it")]

use clap::Parser;
use quorate_simulation::{
    Bug, Campaign, Caught, FaultKind, Outcome, Settings, catch, run, run_seeds, shrink,
};
use std::{
    io::{IsTerminal, Write},
    num::NonZero,
    process::ExitCode,
    sync::Mutex,
    thread,
    time::Instant,
};

/// Lines of a trace that are printed unless all are asked for.
const TRACE_LINES: usize = 60;

#[derive(Parser)]
#[command(name = "simulation", about = "Whole clusters on one thread, each from one seed")]
struct Arguments {
    /// How many seeds to run
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// How many events happen in each before the faults stop
    #[arg(long, default_value_t = 10_000)]
    steps: u64,
    /// Run this one seed, and print the end of its trace
    #[arg(long)]
    seed: Option<u64>,
    /// With --seed: print the whole trace
    #[arg(long, requires = "seed")]
    trace: bool,
    /// With --seed: do not look for a smaller run that fails as well
    #[arg(long, requires = "seed")]
    no_shrink: bool,
    /// Plant every bug in turn, and show how each is caught
    #[arg(long)]
    planted: bool,
    /// Plant this bug
    #[arg(long)]
    bug: Option<Bug>,
    /// Switch these kinds of faults off
    #[arg(long, value_delimiter = ',')]
    without: Vec<FaultKind>,
    /// How many seeds run at a time; one a core unless given
    #[arg(long)]
    threads: Option<usize>,
}

impl Arguments {
    fn settings(&self) -> Settings {
        let mut settings = Settings::new(self.seed.unwrap_or(self.first), self.steps);
        settings.bug = self.bug;
        settings.without = self.without.iter().copied().collect();
        settings
    }

    fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get))
    }
}

fn main() -> ExitCode {
    // What panics is told of with its seed, and raft's panics are caught where they happen.
    std::panic::set_hook(Box::new(|_| {}));
    let arguments = Arguments::parse();
    let good = match (arguments.planted, arguments.seed) {
        (true, _) => planted(&arguments),
        (false, Some(_)) => one(&arguments),
        (false, None) => many(&arguments),
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(arguments: &Arguments) -> bool {
    let settings = Settings { keeps_trace: true, ..arguments.settings() };
    let outcome = run(&settings);
    let skipped = if arguments.trace { 0 } else { outcome.trace.len().saturating_sub(TRACE_LINES) };
    for line in &outcome.trace[skipped..] {
        println!("{line}");
    }
    println!("\n{}trace hash {:016x}", outcome.coverage, outcome.trace_hash);
    if outcome.violation.is_some() {
        report(&settings, &outcome, !arguments.no_shrink);
    }
    outcome.violation.is_none()
}

fn many(arguments: &Arguments) -> bool {
    let began = Instant::now();
    let seeds = arguments.seeds;
    let progress = |campaign: &Campaign| {
        let (done, failures) = (campaign.seeds, campaign.failures.len());
        show(&format!("{done} of {seeds} seeds, {failures} failed, {} s", began.elapsed().as_secs()));
    };
    let campaign = run_seeds(&arguments.settings(), arguments.first, seeds, arguments.threads(), &progress);
    show("");
    println!("{}", campaign.coverage);
    for (place, (settings, outcome)) in campaign.failures.iter().enumerate() {
        // The first is enough to begin with.
        report(settings, outcome, place == 0 && !arguments.no_shrink);
    }
    let (failed, took) = (campaign.failures.len(), began.elapsed().as_secs_f64());
    println!("{} seeds of {} steps, {failed} failed, {took:.1} s", campaign.seeds, arguments.steps);
    failed == 0
}

fn planted(arguments: &Arguments) -> bool {
    let began = Instant::now();
    let bugs: Vec<Bug> = arguments.bug.map_or_else(|| Bug::ALL.to_vec(), |bug| vec![bug]);
    let waiting = Mutex::new(bugs.iter().rev().copied().collect::<Vec<_>>());
    let caught = Mutex::new(Vec::new());
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.pop());
    let work = || {
        while let Some(bug) = next() {
            show(&format!("planting {bug}"));
            let result = catch(bug, arguments.first, arguments.seeds.max(500), arguments.steps);
            if let Ok(mut caught) = caught.lock() {
                caught.push(result);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..arguments.threads() {
            scope.spawn(work);
        }
    });
    show("");
    let mut caught = caught.into_inner().unwrap_or_default();
    caught.sort_by_key(|result: &Caught| result.bug);
    println!("{:<28} {:>5}  {:<34} again by", "bug", "seeds", "caught by");
    for result in &caught {
        let Caught { bug, by } = result;
        match by {
            Some((seeds, settings, outcome)) => {
                let step = outcome.violation.as_ref().map_or(settings.steps, |violation| violation.step);
                let again = Settings { steps: step.min(settings.steps), ..settings.clone() }.command();
                let invariant = result.invariant().map(|invariant| invariant.to_string()).unwrap_or_default();
                println!("{:<28} {seeds:>5}  {invariant:<34} {again}", bug.word());
            }
            None => println!("{:<28}     -  NOT CAUGHT", bug.word()),
        }
    }
    let missed = caught.iter().filter(|result| result.by.is_none()).count();
    println!("{} bugs, {missed} not caught, {:.1} s", caught.len(), began.elapsed().as_secs_f64());
    missed == 0
}

fn report(settings: &Settings, outcome: &Outcome, shrinks: bool) {
    let Some(violation) = &outcome.violation else { return };
    println!("seed {}, step {}: {}: {}", settings.seed, violation.step, violation.invariant, violation.what);
    let again = Settings { steps: violation.step.min(settings.steps), ..settings.clone() };
    println!("  again: {}", again.command());
    if shrinks {
        let (smaller, violation) = shrink(settings, violation);
        println!("  smaller: {}\n  {}: {}", smaller.command(), violation.invariant, violation.what);
    }
}

/// One line that the next one replaces; none when nobody looks.
fn show(line: &str) {
    let mut output = std::io::stderr();
    if output.is_terminal() {
        eprint!("\r\x1b[2K{line}");
        // A line that is not shown is no harm.
        let _ = output.flush();
    }
}
