//! Milliseconds of one thread for one claim beside some passages: pairs FOLDER [PRECISION [PASSAGES [CLAIM [PASSAGE [SECONDS]]]]], FOLDER
//! with config.json and model.safetensors, CLAIM and PASSAGE their tokens. The texts are random ids; the fastest of many rounds counts.
//! Beside it stands what the same tokens cost as texts whose states are all wanted.

use std::path::Path;
use std::time::{Duration, Instant};

use ibid_encoder::bert::BertConfig;
use ibid_encoder::instructions::Instructions;
use ibid_encoder::native::Encoder;
use ibid_encoder::pair::Pair;
use ibid_encoder::precision::Computed;
use ibid_encoder::random::Random;

/// Special tokens of a pair.
const FRAME: usize = 3;

#[expect(clippy::print_stdout, reason = "an example prints what it measured")]
fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("the folder of a model");
    let precision = match arguments.next().as_deref() {
        None | Some("int8") => Computed::Int8,
        Some("f32") => Computed::F32,
        Some("bf16") => Computed::Bf16,
        Some(other) => panic!("f32, bf16 or int8, not {other}"),
    };
    let mut number = |usual: usize| arguments.next().map_or(usual, |text| text.parse().expect("a number"));
    let (count, claim, passage, seconds) = (number(10), number(20), number(128), number(3));
    let folder = Path::new(&folder);
    let config = BertConfig::open(&folder.join("config.json")).expect("a configuration");
    let instructions = Instructions::of_environment().expect("a set of instructions").expect("not Candle");
    let encoder = Encoder::open(config, &folder.join("model.safetensors"), instructions, precision).expect("weights");
    let mut random = Random::new(1);
    let length = claim + passage + FRAME;
    let texts: Vec<Vec<u32>> = (0..count).map(|_| (0..length).map(|_| random.below(30_000) as u32).collect()).collect();
    let whole: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    let pairs: Vec<Pair<'_>> = texts.iter().map(|ids| Pair { ids, first: claim + 2 }).collect();
    let fastest = |pass: &mut dyn FnMut()| {
        let until = Instant::now() + Duration::from_secs(seconds as u64);
        let mut fastest = f64::INFINITY;
        while Instant::now() < until {
            let started = Instant::now();
            pass();
            fastest = fastest.min(started.elapsed().as_secs_f64());
        }
        1000.0 * fastest
    };
    let took_pairs = fastest(&mut || {
        encoder
            .forward_pairs(&pairs, |_, state| {
                std::hint::black_box(state);
            })
            .expect("states");
    });
    let took_texts = fastest(&mut || {
        encoder
            .forward(&whole, |_, rows| {
                std::hint::black_box(rows);
            })
            .expect("states");
    });
    println!(
        "{count} pairs of {length} tokens, {} {precision:?}: {took_pairs:.2} ms, as texts {took_texts:.2} ms",
        encoder.instructions().name()
    );
}
