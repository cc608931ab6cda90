//! What an audit and all ways out cost as an estate grows, ten workloads to a namespace.
#![allow(clippy::expect_used)] // A benchmark that cannot go on is of no use.

mod big;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mimalloc::MiMalloc;
use palisade::config::Config;
use palisade::source::{Sources, Walk};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn estate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("estate");
    group.sample_size(10);
    for namespaces in [100, 300, 1_000] {
        let walk = Walk { sources: Sources::new(big::files(namespaces)), skipped: Vec::new() };
        let config = Config::default();
        let done = palisade::audit(&walk, &config);
        assert_eq!((done.inputs.unparsed.len(), done.inputs.unmodelled.len()), (0, 0));
        group.throughput(Throughput::Elements((namespaces * big::WORKLOADS) as u64));
        group.bench_function(format!("audit/{namespaces} namespaces"), |bencher| {
            bencher.iter(|| palisade::audit(black_box(&walk), &config));
        });
    }
    group.finish();
}

criterion_group!(benches, estate);
criterion_main!(benches);
