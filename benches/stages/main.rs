//! One line for each stage of an audit, in bytes of input per second, on an estate of 10,000 documents.
#![allow(clippy::expect_used)] // A benchmark that cannot go on is of no use.

mod estate;

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use mimalloc::MiMalloc;
use palisade::config::{Config, Ignores};
use palisade::report::{self, Sarif, Terminal};
use palisade::rule::Audit;
use palisade::rules::{self, RULES};
use palisade::source::{self, Sources, Walk};
use palisade::triage::{Inputs, Marked, triage};
use palisade::{Places, analysis, model, resource};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn stages(criterion: &mut Criterion) {
    let walk = Walk { sources: Sources::new(estate::files()), skipped: Vec::new() };
    let mut group = criterion.benchmark_group("stage");
    group.throughput(Throughput::Bytes(walk.sources.bytes() as u64));
    group.sample_size(10);
    reading(&mut group);
    understanding(&mut group, &walk);
    reporting(&mut group, &walk);
    group.finish();
}

/// From files to sources.
fn reading(group: &mut BenchmarkGroup<'_, WallTime>) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (path, text) in estate::files() {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a folder can be made");
        fs::write(path, text).expect("a file can be written");
    }
    let paths = [folder.path().to_owned()];
    group.bench_function("walk", |bencher| bencher.iter(|| source::walk(black_box(&paths))));
}

/// From sources to findings.
fn understanding(group: &mut BenchmarkGroup<'_, WallTime>, walk: &Walk) {
    let config = Config::default();
    group.bench_function("parse", |bencher| bencher.iter(|| source::parse_all(black_box(&walk.sources))));
    let parsed = source::parse_all(&walk.sources);
    assert_eq!((parsed.documents.len(), parsed.unparsed.len()), (estate::DOCUMENTS, 0));

    let embedded = resource::embedded_documents(&parsed.documents);
    group.bench_function("resource", |bencher| {
        bencher.iter(|| {
            black_box(resource::embedded_documents(&parsed.documents));
            resource::read(black_box(&parsed.documents), &embedded)
        });
    });
    let resources = resource::read(&parsed.documents, &embedded);
    assert!(resources.problems.is_empty(), "{:?}", resources.problems);

    group.bench_function("model", |bencher| bencher.iter(|| model::lower(black_box(&resources), &config)));
    let estate = model::lower(&resources, &config);

    group.bench_function("analysis", |bencher| bencher.iter(|| analysis::analyze(black_box(&estate))));
    let facts = analysis::analyze(&estate);

    let audit = Audit { estate: &estate, facts: &facts, rules: RULES, ignores: &Ignores::default() };
    group.bench_function("rules", |bencher| bencher.iter(|| rules::run(black_box(&audit))));
    let findings = rules::run(&audit);

    group.bench_function("triage", |bencher| {
        bencher.iter_batched(
            || findings.clone(),
            |findings| {
                let places = Places::new(&resources, &parsed.documents, &walk.sources);
                triage(findings.into_iter().map(Marked::from).collect(), Inputs::default(), &places, &config)
            },
            BatchSize::LargeInput,
        );
    });
}

/// From findings to text; and all of it in one.
fn reporting(group: &mut BenchmarkGroup<'_, WallTime>, walk: &Walk) {
    let config = Config::default();
    let done = palisade::audit(walk, &config);
    println!("{} findings in {} bytes", done.findings.len(), walk.sources.bytes());
    group.bench_function("report/terminal", |bencher| {
        bencher.iter(|| report::terminal(black_box(&done), &walk.sources, &Terminal::default()));
    });
    group.bench_function("report/json", |bencher| bencher.iter(|| report::json(black_box(&done), &walk.sources)));
    group.bench_function("report/sarif", |bencher| {
        bencher.iter(|| report::sarif(black_box(&done), &walk.sources, RULES, &Sarif::default()));
    });
    group.bench_function("audit", |bencher| bencher.iter(|| palisade::audit(black_box(walk), &config)));
}

criterion_group!(benches, stages);
criterion_main!(benches);
