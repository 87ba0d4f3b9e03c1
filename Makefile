# The ways of the project; what each does stands in scripts/ and Benchmarks/.

.PHONY: help run test format bench fuzz clean setup

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## a broker on 8080 with example triggers and a subscriber that prints (APUS_RELEASE=1, DATA=DIR)
	@scripts/run

test: ## lint, build, all tests, and how many vectors were read (FILTER=TEXT)
	@scripts/test

format: ## format every Swift file in place
	@scripts/format

bench: ## measure ingest, matching, sources and replay as ratios (SCENARIO=name, ROUNDS=5, SECONDS_PER_ROUND=8)
	@Benchmarks/run

fuzz: ## look for inputs that break CESQL, filters or their index (MINUTES=10, ADDRESS=1)
	@Benchmarks/fuzz

setup: ## install what is missing: libraries, wrk, curl, jq
	@scripts/setup

clean: ## remove what was built, and nothing else
	@rm -rf .build Benchmarks/.build Benchmarks/results
