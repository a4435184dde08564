//! Measures what a unit is worth: every opcode over shapes that flatter it and shapes that do not.
//!
//! `assay-calibrate [--isa NAME] [--only WORD] [--millis N] [--plain yes] [--check yes]
//! [--values NAME]` prints, for each case, the
//! best nanoseconds of the opcode's own steps beside its units, then the spread. The law: for the same units, a second
//! of the cheapest and of the dearest case differ by less than a factor of 4, on one core of the reference machine
//! with its AVX2 bodies. A price that breaks it is corrected in `app/plan/src/price`. With `--check yes` a broken law
//! is status 1.
//! `--plain yes` measures the generic bodies, which stand in where a program would take too much memory.

mod cases;
mod load;
mod measure;
mod report;

use assay_exec::Isa;
use std::error::Error;
use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let clock = measure::clock();
    let mut found = Vec::new();
    for case in cases::all().iter().filter(|case| case.name().contains(&options.only)) {
        let measured = measure::measure(case, &options, clock)?;
        println!("{}", report::line(&measured));
        found.push(measured);
    }
    for measured in load::measure(&options.only, options.isa)? {
        println!("{}", report::line(&measured));
        found.push(measured);
    }
    print!("\n{}", report::summary(&found, options.isa));
    let broken = options.check && report::factor(&found) >= report::ALLOWED;
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What was asked for.
pub struct Options {
    isa: Isa,
    only: String,
    millis: u64,
    plain: bool,
    check: bool,
    numbers: cases::Fill,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            isa: Isa::detect(),
            only: String::new(),
            millis: 30,
            plain: false,
            check: false,
            numbers: cases::Fill::Numbers,
        };
        while let (Some(flag), Some(value)) = (words.next(), words.next()) {
            match flag.as_str() {
                "--isa" => {
                    let named = Isa::available().into_iter().find(|isa| isa.name() == value);
                    options.isa = named.ok_or("this CPU has no such bodies")?;
                }
                "--only" => options.only = value,
                "--millis" => options.millis = value.parse()?,
                "--plain" => options.plain = value == "yes",
                "--check" => options.check = value == "yes",
                "--values" => options.numbers = cases::Fill::named(&value).ok_or("no such values")?,
                _ => {
                    return Err(
                        "usage: [--isa NAME] [--only WORD] [--millis N] [--plain yes] [--check yes] [--values NAME]".into()
                    );
                }
            }
        }
        Ok(options)
    }
}
