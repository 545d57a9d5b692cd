# What there is to make; `make` alone lists it. Every target sets up what it needs by itself (.ci/setup).
.DEFAULT_GOAL := help
.PHONY: help demo test check bench setup
MAKEFLAGS += --no-print-directory

help: ## This list
	@echo "assay restores real backups into throw-away servers and proves what came back."
	@echo
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1 | \2/p' Makefile | awk -F ' [|] ' '{ printf "%-13s %s\n", $$1, $$2 }'
	@echo
	@echo "New here? \`make demo\` needs no account, no Docker and no configuration."

# A debug build: it is made in half the time of a release build, shares its parts with `make test`, and the demo's databases
# are small. It is built first and apart, so that nobody looks at a silent screen meanwhile.
demo: setup ## Two small databases, their backups in a bucket, one of them cut short: watch it being caught
	cargo build --locked
	@cargo run --quiet --locked -- demo

test: setup ## Every test; a server that is missing is a failure, not a skipped test
	ASSAY_TESTS_REQUIRE=all cargo test --locked --no-fail-fast

check: setup ## Formatting, lints, documentation, licences and sources of the dependencies
	cargo fmt --check
	cargo clippy --locked --all-targets --all-features -- -D warnings
	cargo clippy --locked --all-targets --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features
	.ci/cargo-deny --locked --all-features check --hide-inclusion-graph bans licenses sources

bench: setup ## How long things take, beside the bare tools
	cargo bench --locked

setup: ## Only the set-up: Debian packages and the compiler's version
	@.ci/setup
