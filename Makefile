# Makefile: builds, proves and measures valence. Everything made goes under build/.
#   make            library and command            make demo    the main job, shown
#   make check      the fast tests (a minute)      make test    all tests, as CI runs them
#   make bench      measured figures               make models  retrains the shipped models
#   make fuzz       fuzzing with libFuzzer         make install PREFIX=/usr/local
#   make examples   the programs in examples/
# BUILD=asan|tsan|ubsan builds and tests with a sanitizer, in build/<name>.

BUILD  ?= release
PREFIX ?= /usr/local
O      := build/$(BUILD)
CC     ?= gcc
CXX    ?= g++
VERSION := $(shell sed -n 's/^.define VALENCE_VERSION "\(.*\)"/\1/p' include/valence.h)

# Warnings stop our own builds (a git checkout), never a user's.
WERROR   := $(if $(wildcard .git),-Werror)
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wundef $(WERROR)
CPPFLAGS += -D_GNU_SOURCE -Iinclude -Isrc -isystem /usr/share/include/llhttp
SANITIZE_asan  := -fsanitize=address,undefined -fno-sanitize-recover=all
SANITIZE_ubsan := -fsanitize=undefined -fno-sanitize-recover=all
SANITIZE_tsan  := -fsanitize=thread
SANITIZE := $(SANITIZE_$(BUILD))
OPTIMISE := $(if $(filter release,$(BUILD)),-O2,-O1)
COMMON   := $(OPTIMISE) -g -fPIC -fvisibility=hidden -fno-omit-frame-pointer -pthread -MMD -MP $(SANITIZE)
CFLAGS   += -std=c17 -ffp-contract=off $(WARNINGS) $(COMMON)
CXXFLAGS += -std=c++17 -fno-exceptions -fno-rtti -Wall -Wextra $(WERROR) $(COMMON)
LDFLAGS  += -pthread $(SANITIZE)
CLI_LIBS := -luv
LDLIBS   := -lsimdjson -lstdc++ -lutf8proc -lxxhash -lzstd -lz -lm

# The instruction set is chosen by the file's ending; everything else is baseline x86-64.
AVX2   := -mavx2 -mf16c -mbmi -mbmi2 -mlzcnt -mpopcnt -mfma -mpclmul -O3
AVX512 := $(AVX2) -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vbmi -mavx512vbmi2
$(O)/%_avx2.o:   CFLAGS += $(AVX2)
$(O)/%_avx512.o: CFLAGS += $(AVX512)
$(O)/%_avx512vnni.o: CFLAGS += $(AVX512) -mavx512vnni
$(O)/%_avx512bf16.o: CFLAGS += $(AVX512) -mavx512bf16

LIB_DIRS := base text data kernels layers models formats engine train
LIB_SRC  := $(sort $(foreach d,$(LIB_DIRS),$(wildcard src/$(d)/*.c src/$(d)/*.cpp)))
CLI_SRC  := $(sort $(wildcard src/cli/*.c) $(wildcard src/serve/*.c))
LLHTTP_OBJ := $(patsubst %,$(O)/llhttp/%.o,api http llhttp) # Debian ships its C source
LIB_OBJ  := $(patsubst src/%,$(O)/%.o,$(basename $(LIB_SRC)))
CLI_OBJ  := $(patsubst src/%.c,$(O)/%.o,$(CLI_SRC)) $(LLHTTP_OBJ)

.PHONY: all demo check test bench fuzz models models-lstm examples install clean layers format deps-build deps-test deps-bench
.DEFAULT_GOAL := all
.SECONDARY:

all: $(O)/valence $(O)/libvalence.a $(O)/libvalence.so $(O)/valence.pc

$(O)/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

$(O)/%.o: src/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c $< -o $@

# No prerequisite: on a new machine the source comes only with deps-build, after make has looked.
$(LLHTTP_OBJ): $(O)/llhttp/%.o:
	@mkdir -p $(@D)
	$(CC) -I/usr/share/include/llhttp -std=c17 -w $(COMMON) -c /usr/share/llhttp/$*.c -o $@

# The default model is part of the library.
$(O)/engine/embedded_model.o: models/general.safetensors

$(O)/serve/route_page.o: src/serve/page.html

# Frames of the man page and the completion scripts are part of the command.
$(O)/cli/pages.o: src/cli/manual.roff src/cli/completion.bash src/cli/completion.zsh

$(O)/serve/route_openapi.o: src/serve/openapi.json

$(O)/libvalence.a: $(LIB_OBJ)
	rm -f $@ && ar rcs $@ $^

$(O)/libvalence.so: $(LIB_OBJ) src/exports.map
	$(CC) -shared -Wl,-soname,libvalence.so.0 -Wl,--version-script=src/exports.map $(LDFLAGS) \
	    -o $@ $(LIB_OBJ) $(LDLIBS)

$(O)/valence: $(CLI_OBJ) $(O)/libvalence.a
	$(CC) $(LDFLAGS) -o $@ $(CLI_OBJ) $(O)/libvalence.a $(LDLIBS) $(CLI_LIBS)

# What the command knows of itself, for the man page and the shells.
$(O)/pages/%: $(O)/valence
	@mkdir -p $(@D)
	$(O)/valence --help=$* > $@.new && mv $@.new $@

$(O)/valence.pc: tools/valence.pc.in Makefile include/valence.h
	@mkdir -p $(@D)
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|; s|@LIBS@|$(LDLIBS)|' $< > $@

# ---- Tests ---------------------------------------------------------------------------------------

UNIT      := $(patsubst tests/unit/%.c,$(O)/tests/%,$(wildcard tests/unit/test_*.c))
FUZZ      := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAY    := $(FUZZ:%=$(O)/fuzz/replay_%)
KERNELS   := $(if $(wildcard tests/kernels/*.c),$(O)/tests/kernels)
TESTFLAGS  = $(CPPFLAGS) -Itests $(filter-out -fvisibility=hidden,$(CFLAGS)) -Wno-conversion

# The commands without their main, for tests.
$(O)/tests/commands.a: $(filter-out %/main.o,$(CLI_OBJ))
	@mkdir -p $(@D)
	rm -f $@ && ar rcs $@ $^

$(O)/tests/test_%: tests/unit/test_%.c $(O)/tests/commands.a $(O)/libvalence.a
	@mkdir -p $(@D)
	$(CC) $(TESTFLAGS) $(LDFLAGS) -o $@ $< $(O)/tests/commands.a $(O)/libvalence.a -lcmocka $(LDLIBS) $(CLI_LIBS)

# `valence serve` with a slow model that a test can command.
$(O)/tests/slow_server: tests/tools/slow_server.c $(O)/tests/commands.a $(O)/libvalence.a
	@mkdir -p $(@D)
	$(CC) $(TESTFLAGS) $(LDFLAGS) -o $@ $< $(O)/tests/commands.a $(O)/libvalence.a $(LDLIBS) $(CLI_LIBS)

$(O)/tests/kernels: $(wildcard tests/kernels/*.c) $(O)/libvalence.a
	@mkdir -p $(@D)
	$(CC) $(TESTFLAGS) $(LDFLAGS) -o $@ $(wildcard tests/kernels/*.c) $(O)/libvalence.a $(LDLIBS)

$(O)/fuzz/replay_%: tests/fuzz/%.c tests/fuzz/replay.c $(O)/tests/commands.a $(O)/libvalence.a
	@mkdir -p $(@D)
	$(CC) $(TESTFLAGS) $(LDFLAGS) -o $@ $< tests/fuzz/replay.c $(O)/tests/commands.a $(O)/libvalence.a $(LDLIBS) $(CLI_LIBS)

layers:
	python3 tools/check_layers.py src src/layers.txt

check: deps-test all $(UNIT) $(REPLAY) $(KERNELS) $(O)/tests/slow_server
	python3 tools/run_tests.py --build $(O) check

test: deps-test all $(UNIT) $(REPLAY) $(KERNELS) $(O)/tests/slow_server
	python3 tools/run_tests.py --build $(O) test

deps-build:
	@tools/deps.sh build
deps-test:
	@tools/deps.sh test
deps-bench:
	@tools/deps.sh bench
$(LIB_OBJ) $(CLI_OBJ): | $(if $(filter-out clean format layers,$(MAKECMDGOALS)),deps-build)

# ---- Fuzzing: make fuzz [FUZZ_RUNS=10000000] [FUZZ_ONLY=fuzz_csv] ---------------------------------

FUZZ_RUNS ?= 1000000
FUZZ_ONLY ?= $(FUZZ)
FUZZ_SRC  := $(filter-out src/engine/embedded_model.c,$(LIB_SRC))
FUZZFLAGS := -g -O1 -MMD -MP -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

build/fuzz/%.o: src/%.c
	@mkdir -p $(@D)
	clang $(CPPFLAGS) -std=c17 $(FUZZFLAGS) $(if $(filter %_avx2,$*),$(AVX2)) $(if $(filter %_avx512,$*),$(AVX512)) \
	    $(if $(filter %_avx512vnni,$*),$(AVX512) -mavx512vnni) $(if $(filter %_avx512bf16,$*),$(AVX512) -mavx512bf16) -c $< -o $@
build/fuzz/%.o: src/%.cpp
	@mkdir -p $(@D)
	clang++ $(CPPFLAGS) -std=c++17 -fno-exceptions -fno-rtti $(FUZZFLAGS) -c $< -o $@
build/fuzz/llhttp/%.o: /usr/share/llhttp/%.c
	@mkdir -p $(@D)
	clang -I/usr/share/include/llhttp -std=c17 -w $(FUZZFLAGS) -c $< -o $@
build/fuzz/fuzz_http: $(patsubst %,build/fuzz/serve/%.o,request_parse exchange head_guard limits) \
    $(patsubst %,build/fuzz/llhttp/%.o,api http llhttp)
build/fuzz/fuzz_http: LDLIBS += $(CLI_LIBS)
build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(patsubst src/%,build/fuzz/%.o,$(basename $(LIB_SRC)))
	clang $(CPPFLAGS) -Itests -std=c17 -g -O1 -fsanitize=fuzzer,address,undefined \
	    -fsanitize-link-c++-runtime -o $@ $^ $(LDLIBS)

fuzz: $(FUZZ_ONLY:%=build/fuzz/%)
	for t in $(FUZZ_ONLY); do mkdir -p build/fuzz/corpus_$$t && \
	    build/fuzz/$$t -runs=$(FUZZ_RUNS) -max_len=4096 -print_final_stats=1 \
	    build/fuzz/corpus_$$t tests/fuzz/corpus/$$t || exit 1; done

# ---- Models, bench, demo, install ----------------------------------------------------------------

models: all
	tools/make_models.sh $(O)/valence $(SETS)

models-lstm: all
	tools/make_models_lstm.sh $(O)/valence

bench: deps-bench all $(KERNELS)
	python3 bench/bench.py --build $(O)

demo: all
	tools/demo.sh $(O)/valence

EXAMPLES := $(patsubst %.c,$(O)/%,$(wildcard examples/*.c))
$(O)/examples/%: examples/%.c include/valence.h $(O)/libvalence.a
	@mkdir -p $(@D)
	$(CC) -std=c17 -Wall -Wextra -Wpedantic $(WERROR) -Iinclude -pthread $(SANITIZE) -o $@ $< \
	    $(O)/libvalence.a $(LDLIBS)

examples: $(EXAMPLES)

install: all $(O)/pages/man $(O)/pages/bash $(O)/pages/zsh
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig \
	    $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/share/valence/models \
	    $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	    $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	install $(O)/valence $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(O)/libvalence.a $(DESTDIR)$(PREFIX)/lib/
	install $(O)/libvalence.so $(DESTDIR)$(PREFIX)/lib/libvalence.so.0
	ln -sf libvalence.so.0 $(DESTDIR)$(PREFIX)/lib/libvalence.so
	install -m 644 include/valence.h $(DESTDIR)$(PREFIX)/include/
	sed 's|^prefix=.*|prefix=$(PREFIX)|' $(O)/valence.pc > $(DESTDIR)$(PREFIX)/lib/pkgconfig/valence.pc
	chmod 644 $(DESTDIR)$(PREFIX)/lib/pkgconfig/valence.pc
	install -m 644 models/*.safetensors $(DESTDIR)$(PREFIX)/share/valence/models/
	install -m 644 $(O)/pages/man $(DESTDIR)$(PREFIX)/share/man/man1/valence.1
	install -m 644 $(O)/pages/bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/valence
	install -m 644 $(O)/pages/zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_valence

format:
	clang-format -i $$(git ls-files '*.c' '*.h' '*.cpp')

clean:
	rm -rf build

-include $(LIB_OBJ:.o=.d) $(CLI_OBJ:.o=.d) $(wildcard build/fuzz/*/*.d)
