# make run: set up and serve; Live's ONNX Runtime is fetched too, where that is possible.
# make test: set up, with a browser, and run every test.  make quick: those that need neither a browser nor minutes.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8501

# LOCKED=1: every package at the version and checksum that `make lock` wrote down, as in the container and CI
ifdef LOCKED
APP_PACKAGES := --require-hashes -r requirements.lock
DEV_PACKAGES := --require-hashes -r requirements-dev.lock
else
APP_PACKAGES := -r requirements.txt
DEV_PACKAGES := -r requirements-dev.txt
endif

.PHONY: run dev test quick lint format bench styles runtime cards gallery clips lessons screenshot chromium lock clean

run: $(VENV)/.app
	@$(BIN)/python -P ui/runtime.py --set-up
	@echo "The app: http://localhost:$(PORT)"
	$(BIN)/streamlit run app.py --server.port $(PORT)

# polling looks at the files that were imported and at nothing else: the usual watcher would follow .venv too
dev: $(VENV)/.app
	@$(BIN)/python -P ui/runtime.py --set-up
	@echo "The app: http://localhost:$(PORT)"
	$(BIN)/streamlit run app.py --server.port $(PORT) --server.fileWatcherType poll

test: $(VENV)/.dev chromium
	$(BIN)/python -m pytest -n 2 --dist loadfile

quick: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not slow and not browser"

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks.service
	GLIBC_TUNABLES=glibc.malloc.hugetlb=1 $(BIN)/python -m benchmarks.instant

styles: $(VENV)/.app
	$(BIN)/python assets/make_styles.py

# ONNX Runtime for the Live page's visitors, into static/: that for graphics processors too, which make run leaves to jsDelivr
runtime: $(VENV)/.app
	$(BIN)/python -P ui/runtime.py

# the pictures of the home page's cards, by our models
cards: $(VENV)/.app
	PYTHONPATH=. $(BIN)/python assets/make_cards.py

# the README's gallery, by our models
gallery: $(VENV)/.app
	PYTHONPATH=. $(BIN)/python assets/make_gallery.py

# the sample clips of the Video page
clips: $(VENV)/.app
	PYTHONPATH=. $(BIN)/python assets/make_clips.py

# what the Explain page shows at once, by our models; a quarter of an hour
lessons: $(VENV)/.app
	PYTHONPATH=. $(BIN)/python assets/make_lessons.py

screenshot: $(VENV)/.dev chromium
	$(BIN)/python -m tests.screenshot

# the system's Chromium, else Debian's package as root, else Playwright's own download
chromium: $(VENV)/.dev
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
	then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	else $(BIN)/playwright install chromium; fi

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.app: requirements.txt requirements.lock $(VENV)/bin/python
	$(BIN)/pip install -q $(APP_PACKAGES)
	touch $@

$(VENV)/.dev: requirements-dev.txt requirements-dev.lock $(VENV)/.app
	$(BIN)/pip install -q $(DEV_PACKAGES)
	touch $@

# after a change of requirements*.txt: what they bring with them on every supported Python and system, with checksums
lock: $(VENV)/bin/python
	$(BIN)/pip install -q uv
	for name in requirements requirements-dev; do $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
		--custom-compile-command "make lock" $$name.txt -o $$name.lock || exit 1; done

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
