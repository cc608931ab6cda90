//! What `connections` costs as a cluster grows: workloads in namespaces of twenty, with three network policies for each
//! namespace and one for each third workload, so that few groups are larger than one.
#![allow(clippy::expect_used)] // A benchmark that cannot go on is of no use.

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mimalloc::MiMalloc;
use palisade::ConnectionOptions;
use palisade::config::Config;
use palisade::source::{self, Walk};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const PER_NAMESPACE: usize = 20;

/// A cluster with so many workloads.
fn cluster(workloads: usize) -> Walk {
    let mut text = String::new();
    for namespace in 0..workloads.div_ceil(PER_NAMESPACE) {
        let within = PER_NAMESPACE.min(workloads - namespace * PER_NAMESPACE);
        writeln!(text, "{}", shared(namespace)).expect("a text can be written");
        for index in 0..within {
            writeln!(text, "{}", workload(namespace, index)).expect("a text can be written");
        }
    }
    source::from_text("cluster.yaml", text)
}

/// A namespace with what holds for all of it: nothing but names and its own pods, and its neighbor's front.
fn shared(namespace: usize) -> String {
    let next = namespace + 1;
    format!(
        "---
apiVersion: v1
kind: Namespace
metadata: {{name: ns{namespace}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: deny, namespace: ns{namespace}}}
spec: {{podSelector: {{}}, policyTypes: [Ingress, Egress]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: names, namespace: ns{namespace}}}
spec:
  podSelector: {{}}
  policyTypes: [Egress]
  egress:
  - to: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: kube-system}}}}}}]
    ports: [{{protocol: UDP, port: 53}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: neighbors, namespace: ns{namespace}}}
spec:
  podSelector: {{matchLabels: {{app: app0}}}}
  ingress: [{{from: [{{namespaceSelector: {{}}}}], ports: [{{port: 8080}}]}}]
  egress:
  - to:
    - namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: ns{next}}}}}
      podSelector: {{matchLabels: {{app: app0}}}}
    ports: [{{port: http}}]
  policyTypes: [Ingress, Egress]"
    )
}

fn workload(namespace: usize, index: usize) -> String {
    let mut text = format!(
        "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: app{index}, namespace: ns{namespace}}}
spec:
  template:
    metadata: {{labels: {{app: app{index}, namespace-of: ns{namespace}}}}}
    spec: {{containers: [{{name: app, image: example.com/app, ports: [{{name: http, containerPort: 8080}}]}}]}}"
    );
    if index.is_multiple_of(3) {
        let client = index + 1;
        write!(
            text,
            "
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: app{index}, namespace: ns{namespace}}}
spec:
  podSelector: {{matchLabels: {{app: app{index}}}}}
  policyTypes: [Ingress, Egress]
  ingress: [{{from: [{{podSelector: {{matchLabels: {{app: app{client}}}}}}}], ports: [{{port: 8080}}]}}]
  egress: [{{to: [{{ipBlock: {{cidr: 10.0.0.0/8}}}}], ports: [{{port: 443}}]}}]"
        )
        .expect("a text can be written");
    }
    text
}

fn connections(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("connections");
    group.sample_size(10);
    for workloads in [100, 1_000, 10_000] {
        let walk = cluster(workloads);
        let connected = palisade::connections(&walk, &Config::default(), &ConnectionOptions::default());
        assert_eq!(
            (
                connected.listings.iter().map(|listing| listing.workloads.len()).sum::<usize>(),
                connected.inputs.unparsed.len()
            ),
            (workloads, 0)
        );
        group.throughput(Throughput::Elements(workloads as u64));
        group.bench_function(format!("{workloads} workloads"), |bencher| {
            let run = |walk| palisade::connections(walk, &Config::default(), &ConnectionOptions::default());
            bencher.iter(|| run(black_box(&walk)));
        });
    }
    group.finish();
}

criterion_group!(benches, connections);
criterion_main!(benches);
