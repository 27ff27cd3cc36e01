//! Plays scenarios from seeds: `cargo run -p dotkey-simulations -- --seed 81 [--runs 1000] [--scenario NAME] [--full]`.

use std::process::ExitCode;

use dotkey_simulations::scenarios::delivery::{self, Fault};
use dotkey_simulations::scenarios::records::{STORIES, Size};

const USAGE: &str = "usage: dotkey-simulations --seed N [--runs N] [--scenario NAME] [--full]";

/// A story of records takes as long as many deliveries: one seed of these for so many of those.
const DELIVERIES: u64 = 200;

struct Arguments {
    seed: u64,
    runs: u64,
    scenario: Option<String>,
    full: bool,
}

fn main() -> ExitCode {
    let Some(arguments) = read(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let chosen = |name: &str| arguments.scenario.as_deref().is_none_or(|it| it == name);
    let mut played = false;
    if chosen("delivery") {
        played = true;
        if let Err(broken) = play_delivery(&arguments) {
            println!("{broken}");
            return ExitCode::FAILURE;
        }
    }
    let (size, full) = if arguments.full {
        (Size::FULL, " --full")
    } else {
        (Size::SMALL, "")
    };
    let runs = if arguments.scenario.is_some() {
        arguments.runs
    } else {
        arguments.runs.div_ceil(DELIVERIES)
    };
    for (name, play) in STORIES.iter().filter(|(name, _)| chosen(name)) {
        played = true;
        for seed in arguments.seed..arguments.seed.saturating_add(runs) {
            match play(seed, size) {
                Ok(report) => {
                    for line in &report.lines {
                        println!("{name}: {line}");
                    }
                    println!(
                        "{name}: --seed {seed}, digest {:016x}, every promise kept",
                        report.digest
                    );
                }
                Err(broken) => {
                    println!(
                        "{name}: {broken}; replay it with --scenario {name} --seed {seed}{full}"
                    );
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    if !played {
        let names: Vec<&str> = STORIES.iter().map(|(name, _)| *name).collect();
        eprintln!("{USAGE}\nscenarios: delivery, {}", names.join(", "));
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}

fn play_delivery(arguments: &Arguments) -> Result<(), String> {
    let Arguments { seed, runs, .. } = *arguments;
    let (mut events, mut lost) = (0, 0);
    for seed in seed..seed.saturating_add(runs) {
        let outcome = delivery::run(seed, Fault::None)
            .map_err(|violation| format!("delivery: {violation}; replay it with --seed {seed}"))?;
        events += outcome.events;
        lost += outcome.lost;
        if runs == 1 {
            println!("delivery: digest {:016x}", outcome.digest);
        }
    }
    println!(
        "delivery: {runs} runs from --seed {seed}, {events} events, {lost} messages lost, every promise kept"
    );
    Ok(())
}

fn read(mut arguments: impl Iterator<Item = String>) -> Option<Arguments> {
    let (mut seed, mut runs, mut scenario, mut full) = (None, 1, None, false);
    while let Some(option) = arguments.next() {
        match option.as_str() {
            "--seed" => seed = Some(arguments.next()?.parse().ok()?),
            "--runs" => runs = arguments.next()?.parse().ok()?,
            "--scenario" => scenario = Some(arguments.next()?),
            "--full" => full = true,
            _ => return None,
        }
    }
    Some(Arguments {
        seed: seed?,
        runs,
        scenario,
        full,
    })
}
