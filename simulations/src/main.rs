//! Plays scenarios from seeds: `cargo run -p dotkey-simulations -- --seed 81 [--runs 1000]`.

use std::process::ExitCode;

use dotkey_simulations::scenarios::delivery::{self, Fault};

const USAGE: &str = "usage: dotkey-simulations --seed N [--runs N]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((seed, runs)) = read(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let (mut events, mut lost) = (0, 0);
    for seed in seed..seed.saturating_add(runs) {
        match delivery::run(seed, Fault::None) {
            Ok(outcome) => {
                events += outcome.events;
                lost += outcome.lost;
                if runs == 1 {
                    println!("delivery: digest {:016x}", outcome.digest);
                }
            }
            Err(violation) => {
                println!("delivery: {violation}; replay it with --seed {seed}");
                return ExitCode::FAILURE;
            }
        }
    }
    println!("delivery: {runs} runs from --seed {seed}, {events} events, {lost} messages lost, every promise kept");
    ExitCode::SUCCESS
}

/// The first seed and how many to play.
fn read(arguments: &[String]) -> Option<(u64, u64)> {
    let (mut seed, mut runs) = (None, 1);
    for pair in arguments.chunks(2) {
        let [option, value] = pair else { return None };
        let value = value.parse().ok()?;
        match option.as_str() {
            "--seed" => seed = Some(value),
            "--runs" => runs = value,
            _ => return None,
        }
    }
    Some((seed?, runs))
}
