//! Tokens a second of one thread: throughput FOLDER [LENGTH [PRECISION [SECONDS [TEXTS]]]], FOLDER with config.json and model.safetensors.
//! The texts are random ids; the fastest of many rounds counts, since everything else on a machine only slows down.

use std::path::Path;
use std::time::{Duration, Instant};

use ibid_encoder::bert::BertConfig;
use ibid_encoder::instructions::Instructions;
use ibid_encoder::native::Encoder;
use ibid_encoder::precision::Computed;
use ibid_encoder::random::Random;

#[expect(clippy::print_stdout, reason = "an example prints what it measured")]
fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("the folder of a model");
    let length: usize = arguments.next().map_or(128, |length| length.parse().expect("tokens of a text"));
    let precision = match arguments.next().as_deref() {
        None | Some("bf16") => Computed::Bf16,
        Some("f32") => Computed::F32,
        Some("int8") => Computed::Int8,
        Some(other) => panic!("f32, bf16 or int8, not {other}"),
    };
    let seconds: f64 = arguments.next().map_or(3.0, |seconds| seconds.parse().expect("seconds"));
    let count: usize = arguments.next().map_or(2048_usize.div_ceil(length), |count| count.parse().expect("texts"));
    let folder = Path::new(&folder);
    let config = BertConfig::open(&folder.join("config.json")).expect("a configuration");
    let instructions = Instructions::of_environment().expect("a set of instructions").expect("not Candle");
    let encoder = Encoder::open(config, &folder.join("model.safetensors"), instructions, precision).expect("weights");
    let mut random = Random::new(1);
    let texts: Vec<Vec<u32>> = (0..count).map(|_| (0..length).map(|_| random.below(30_000) as u32).collect()).collect();
    let batch: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    let tokens = (batch.len() * length) as f64;
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let mut fastest = f64::INFINITY;
    while Instant::now() < until {
        let started = Instant::now();
        encoder
            .forward(&batch, |_, rows| {
                std::hint::black_box(rows);
            })
            .expect("hidden states");
        fastest = fastest.min(started.elapsed().as_secs_f64());
    }
    println!(
        "{count} texts of {length} tokens, {} {precision:?}: {:.0} tokens/s, {:.3} ms",
        encoder.instructions().name(),
        tokens / fastest,
        1000.0 * fastest
    );
}
