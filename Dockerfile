# A static binary and nothing else. Audit the working directory with
#   docker build --tag palisade .
#   docker run --rm --volume "$PWD:/work:ro" palisade
FROM rust:1.95-slim AS build
WORKDIR /palisade
COPY . .
# Linked statically against glibc: rustc does that for the host, once it is named as the target.
RUN target=$(rustc -vV | sed -n 's/^host: //p') \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target "$target" \
    && cp "target/$target/release/palisade" /usr/local/bin/

FROM scratch
COPY --from=build /usr/local/bin/palisade /palisade
USER 65534:65534
WORKDIR /work
ENTRYPOINT ["/palisade"]
CMD ["check", "."]
