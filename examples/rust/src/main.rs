//! main.rs: score.c in Rust, without dependencies.
//!
//!     cargo build --release
//!     ./target/release/score pump.alertron 72.1 141.3 0.98
//!
//! build.rs finds the library with pkg-config. alertron.rs, ffi.rs and build.rs are the part to copy.

mod alertron;
mod ffi;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::{env, fs};

use alertron::{Model, Severity};

fn load(path: &str) -> Result<Model, Box<dyn Error>> {
    let bytes = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    Ok(Model::load(&bytes).map_err(|error| format!("{path}: {error}"))?)
}

fn parse(texts: &[String]) -> Result<Vec<f64>, String> {
    let number = |text: &String| {
        text.parse()
            .map_err(|_| format!("'{text}' is not a number"))
    };
    texts.iter().map(number).collect()
}

/// One line: score, severity, and of an anomaly the features' shares in it.
fn show(
    out: &mut impl Write,
    model: &Model,
    row: &[f64],
    score: f64,
) -> Result<(), Box<dyn Error>> {
    let severity = model.severity(score);
    write!(out, "{score:.3} {severity}")?;
    if severity != Severity::None {
        for (index, share) in model.explain(row)?.iter().enumerate() {
            match model.feature_name(index) {
                Some(name) => write!(out, "  {name} {share:.2}")?,
                None => write!(out, "  feature {index} {share:.2}")?,
            }
        }
    }
    Ok(writeln!(out)?)
}

fn run(path: &str, texts: &[String]) -> Result<(), Box<dyn Error>> {
    let model = load(path)?;
    let numbers = parse(texts)?;
    let scores = model.score(&numbers)?;
    let mut out = io::stdout().lock();
    for (row, score) in numbers.chunks(model.features()).zip(scores) {
        show(&mut out, &model, row, score)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    if arguments.len() < 3 {
        eprintln!("usage: score MODEL NUMBER...");
        return ExitCode::from(2);
    }
    match run(&arguments[1], &arguments[2..]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
