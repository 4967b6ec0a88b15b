//! The three stages that decide how long things take, over the sample documents and with the real weights: chunking,
//! embedding, searching. Run with `cargo bench`; without the model's files only what needs none is measured.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput};
use ibid::chunk::{ChunkSettings, chunk};
use ibid::document::Document;
use ibid::index::{IndexSettings, Mode, Services, sync};
use ibid::inference::embedder::{EmbedSettings, Embedder, Role};
use ibid::ingest::{ReadSettings, load, read};
use ibid::late_interaction::{QueryTokens, pack};
use ibid::random::Random;
use ibid::retrieve::{RetrieveSettings, Searcher};
use ibid::services::{Index, OpenSettings, Opening, open_embedder};
use ibid::store::StoreSettings;
use ibid::vector::normalize;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5))
        .configure_from_args();
    max_sim(&mut criterion);
    match open_embedder(&EmbedSettings::default()) {
        Ok(embedder) => {
            chunking(&mut criterion, &embedder);
            embedding(&mut criterion, &embedder);
            searching(&mut criterion, &embedder);
        }
        Err(error) => eprintln!("skipped what needs a model: {error}"),
    }
    criterion.final_summary();
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora")
}

/// Files of the sample documents with this ending, in the order of their names.
fn files(ending: &str) -> Vec<PathBuf> {
    fn collect(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        for entry in folder.read_dir().expect("the sample documents are there") {
            let path = entry.expect("a folder can be listed").path();
            if path.is_dir() {
                collect(&path, ending, found);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    collect(&corpora().join("larkmoor"), ending, &mut found);
    found.sort();
    found
}

fn questions() -> Vec<String> {
    let text = std::fs::read_to_string(corpora().join("questions.jsonl")).expect("the questions are there");
    let question = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).expect("every line is JSON");
        value["question"].as_str().expect("every line has a question").to_string()
    };
    text.lines().map(question).collect()
}

/// A query of twelve tokens against two hundred passages of a hundred tokens each, made ones of the usual width.
fn max_sim(criterion: &mut Criterion) {
    const WIDTH: usize = 384;
    let mut random = Random::new(1);
    let mut vectors = |count: usize| -> Vec<f32> {
        let mut all: Vec<f32> = (0..count * WIDTH).map(|_| random.below(2001) as f32 / 1000.0 - 1.0).collect();
        all.chunks_exact_mut(WIDTH).for_each(normalize);
        all
    };
    let query = QueryTokens::new(&vectors(12), WIDTH, &[1.0; 12]);
    let passages: Vec<Vec<u8>> = (0..200).map(|_| pack(&vectors(100), WIDTH, |_| true)).collect();
    criterion.bench_function("search/max_sim of 200 passages", |bencher| {
        bencher.iter(|| passages.iter().map(|passage| query.max_sim(black_box(passage))).sum::<f32>());
    });
}

fn chunking(criterion: &mut Criterion, embedder: &Embedder) {
    let settings = ReadSettings::default();
    let mut group = criterion.benchmark_group("chunking");
    for ending in ["md", "html", "pdf"] {
        let sources: Vec<_> =
            files(ending).iter().map(|path| load(path, &settings).expect("a sample document can be read")).collect();
        let read_all = || -> Vec<Document> {
            let of = |source: &ibid::ingest::Source| read(&source.path, &source.bytes, &settings);
            sources.iter().filter_map(|source| of(source).ok()).collect()
        };
        group.throughput(Throughput::Bytes(sources.iter().map(|source| source.bytes.len() as u64).sum()));
        group.bench_function(format!("read {ending}"), |bencher| bencher.iter(read_all));
        let documents = read_all();
        group.throughput(Throughput::Bytes(documents.iter().map(|document| document.text.len() as u64).sum()));
        group.bench_function(format!("chunk {ending}"), |bencher| {
            bencher.iter(|| {
                let of = |document| chunk(document, embedder.tokenizer(), &ChunkSettings::default());
                documents
                    .iter()
                    .map(|document| of(document).expect("a sample document can be split").len())
                    .sum::<usize>()
            });
        });
    }
}

fn embedding(criterion: &mut Criterion, embedder: &Embedder) {
    let mut group = criterion.benchmark_group("embedding");
    let texts = ibid::bench::made_texts(embedder, 128, 32).expect("the model reads 128 tokens");
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let questions = questions();
    let mut next = 0;
    group.bench_function("one question", |bencher| {
        bencher.iter_batched(
            || {
                next += 1;
                questions[next % questions.len()].as_str()
            },
            |question| embedder.embed(&[question], Role::Query).expect("a question can be embedded"),
            BatchSize::SmallInput,
        );
    });
    group.throughput(Throughput::Elements(128 * 32));
    group.bench_function("32 texts of 128 tokens", |bencher| {
        bencher.iter(|| embedder.embed(&texts, Role::Passage).expect("made texts can be embedded"));
    });
}

fn searching(criterion: &mut Criterion, embedder: &Embedder) {
    let home = tempfile::tempdir().expect("there is room for an index");
    let settings = OpenSettings {
        home: home.path().to_path_buf(),
        lock_wait_s: 1.0,
        embed: EmbedSettings::default(),
        chunk: ChunkSettings::default(),
        store: StoreSettings::default(),
    };
    let mut index = Index::open(&settings, embedder.manifest(), Opening::OrCreate).expect("an index can be made");
    let identity = index.identity.line();
    let mut services = Services {
        store: &index.store,
        database: &mut index.database,
        embedder,
        identity: &identity,
        now: String::new(),
        inherited: &[],
        records: &[],
    };
    let (stop, paths) = (AtomicBool::new(false), [corpora().join("larkmoor")]);
    sync(&paths, Mode::Sync, &mut services, &IndexSettings::default(), &stop, &|_| ())
        .expect("the sample documents can be indexed");
    drop(index);
    let searcher = Searcher::open(&settings, &RetrieveSettings::default()).expect("the index can be opened");
    let questions = questions();
    let mut next = 0;
    criterion.bench_function("search/one question over the sample documents", |bencher| {
        bencher.iter_batched(
            || {
                next += 1;
                questions[next % questions.len()].as_str()
            },
            |question| searcher.search(question, 10).expect("the index can be searched").hits.len(),
            BatchSize::SmallInput,
        );
    });
}
