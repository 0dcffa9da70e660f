// Checks what decides who works on what, and where: teams, the queue of sentences, pages and their positions.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/team.h"
#include "decoding/request_queue.h"
#include "expect.h"
#include "model/sentence_rows.h"
#include "random.h"

namespace octavo::testing {

namespace {

void check_team() {
  for (const int size : {1, 2, 3, 7}) {
    Team team(size);
    expect(team.size() == size, "a team has as many threads as it was asked for");
    for (int round = 0; round < 500; ++round) {
      const int parts = 1 + round % 9;
      std::vector<int> done(static_cast<std::size_t>(parts));  // no atomics: the team must order the writes
      team.run(parts, [&](int part) { done[static_cast<std::size_t>(part)] += part + round; });
      for (int part = 0; part < parts; ++part) {
        expect(done[static_cast<std::size_t>(part)] == part + round, "every part is done once");
      }
    }
  }
}

void check_team_failures() {
  Team team(3);
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> done = 0;
    bool thrown = false;
    try {
      team.run(6, [&](int part) {
        if (part == round % 6) throw std::bad_alloc();
        ++done;
      });
    } catch (const std::bad_alloc&) {
      thrown = true;
    }
    expect(thrown && done == 5, "a part's exception comes out once all others are done");
    team.run(4, [&](int) { ++done; });
    expect(done == 9, "and the team works on");
  }
}

void check_team_asleep() {
  for (int round = 0; round < 3; ++round) {
    Team team(3);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // longer than anybody's patience
    if (round == 2) continue;                                     // asleep when it is dissolved
    for (int again = 0; again < 3; ++again) {
      std::atomic<int> begun = 0;
      team.run(3, [&](int) {  // ends only if every thread does a part
        ++begun;
        while (begun < 3) std::this_thread::yield();
      });
      expect(begun == 3, "a round wakes the team");
    }
  }
}

using Numbers = std::vector<std::size_t>;

/// A request of sentences of these lengths, which costs as many tokens and has rows as a beam of `beam`.
std::shared_ptr<Request> request_of(const Numbers& lengths, Priority priority = Priority::normal,
                                    std::size_t beam = 1) {
  auto request = std::make_shared<Request>();
  request->priority = priority;
  std::vector<Waiting> line;
  for (const std::size_t length : lengths) {
    line.push_back({.index = line.size(), .length = length, .rows = beam, .cost = length});
    request->sources.emplace_back(length);
  }
  request->progress.stages.assign(lengths.size(), Request::Progress::Stage::waiting);
  request->progress.waiting = lengths.size();
  request->progress.line = SentenceQueue(std::move(line));
  return request;
}

Numbers take(RequestQueue& queue, Room room, std::size_t share = 99) {
  std::vector<Taken> taken;
  queue.take(room, share, taken);
  Numbers lengths;
  for (const Taken& one : taken) lengths.push_back(one.sentence.length);
  return lengths;
}

constexpr Room kAny{.rows = 99, .length = 99, .cost = 99, .is_empty = true};

void check_queue() {
  RequestQueue queue;
  const auto first = request_of({3, 9, 5, 9, 1, 2});
  queue.add(first);
  expect(queue.sentences() == 6 && queue.tokens() == 35, "what waits is counted");
  expect(take(queue, {}).empty(), "no room, no sentence");
  expect(take(queue, kAny, 2) == Numbers{9, 9}, "the longest come first");
  expect(take(queue, {.rows = 9, .length = 4, .cost = 99, .is_empty = false}).empty(),
         "a sentence that is too long waits");
  expect(take(queue, {.rows = 9, .length = 4, .cost = 99, .is_empty = true}) == Numbers{5}, "or comes alone");
  expect(take(queue, {.rows = 9, .length = 5, .cost = 99, .is_empty = true}) == Numbers{3, 2},
         "tokens are counted");
  queue.add(request_of({30, 20, 10}, Priority::normal, 4));
  expect(take(queue, {.rows = 9, .length = 99, .cost = 99, .is_empty = true}) == Numbers{1, 30, 20},
         "sentences of several requests share a batch, and rows are counted");
  expect(take(queue, {.rows = 9, .length = 99, .cost = 9, .is_empty = false}).empty(), "costs are counted");
  expect(take(queue, kAny) == Numbers{10} && queue.sentences() == 0 && queue.tokens() == 0,
         "an empty queue is empty");
  expect(share_of(10, 4) == 3 && share_of(0, 4) == 0, "a stream takes no more than its share");
}

void check_priorities() {
  RequestQueue queue;
  const auto bulk = request_of({1, 2}, Priority::bulk);
  const auto early = request_of({3, 4});
  queue.add(bulk);
  queue.add(early);
  queue.add(request_of({5, 6}));
  expect(!queue.is_urgent(), "nothing is urgent");
  queue.add(request_of({7}, Priority::interactive));
  expect(queue.is_urgent(), "something is urgent");
  queue.forget(*early, 0);
  queue.forget(*bulk, 0);
  queue.forget(*bulk, 1);
  expect(queue.sentences() == 4 && queue.tokens() == 26, "what is forgotten is not counted");
  expect(take(queue, kAny) == Numbers{7, 4, 6, 5}, "priority goes before arrival, and arrival before length");
  expect(queue.sentences() == 0 && !queue.is_urgent(), "nothing is left");
}

/// A sentence whose hypotheses branch and die at random: what each sees is its own prefix, and nothing that
/// is seen is written again.
void check_positions() {
  Random random(3);
  DecoderCache cache{PagePool(64), PagePool(64), 0};
  for (int sentence = 0; sentence < 40; ++sentence) {
    SentenceRows rows(PageList(cache.source), 1, cache, 7);
    std::vector<std::vector<int>> written(
        1);  // by each row: what it and its prefix have written, step by step
    std::vector<int> memory;
    for (int step = 0; step < 60; ++step) {
      memory.resize(static_cast<std::size_t>(rows.positions()), -1);
      std::set<int> own;
      for (int r = 0; r < rows.rows(); ++r) {
        const int position = rows.own_position(r);
        expect(own.insert(position).second, "rows write to different positions");
        const int value = 1000 * step + r;
        memory[static_cast<std::size_t>(position)] = value;
        written[static_cast<std::size_t>(r)].push_back(value);
      }
      for (int r = 0; r < rows.rows(); ++r) {
        const std::int32_t* order = rows.order() + r * rows.length();
        std::vector<int> seen;
        std::size_t bits = 0;
        for (int j = 0; j < rows.length(); ++j) seen.push_back(memory[static_cast<std::size_t>(order[j])]);
        expect(seen == written[static_cast<std::size_t>(r)], "a row sees its prefix in order");
        for (int p = 0; p < rows.positions(); ++p) {
          const auto pages = static_cast<std::ptrdiff_t>(rows.pages().size());
          const unsigned page = rows.visible()[r * pages + p / kPagePositions];
          const bool visible = (page >> (p % kPagePositions) & 1U) != 0;
          bits += visible ? 1 : 0;
          expect(visible == (std::find(order, order + rows.length(), p) != order + rows.length()),
                 "the bits say the same");
        }
        expect(bits == static_cast<std::size_t>(rows.counts()[r]), "and are as many");
      }
      std::vector<Continuation> next;
      std::vector<std::vector<int>> prefixes;
      const int live = static_cast<int>(random.integer(1, 6));
      for (int r = 0; r < live; ++r) {
        const int parent = static_cast<int>(random.integer(0, rows.rows() - 1));
        next.push_back({parent, r});
        prefixes.push_back(written[static_cast<std::size_t>(parent)]);
      }
      rows.advance(next);
      written = std::move(prefixes);
    }
    expect(rows.positions() < 60 * 6, "positions that nobody sees are used again");
  }
}

/// Recurrent states of hypotheses that branch and die at random: each goes on from its parent's, the first
/// from zeros.
void check_states() {
  constexpr std::size_t kWidth = 3;
  Random random(4);
  DecoderCache cache{PagePool(0), PagePool(0), kWidth};
  for (int sentence = 0; sentence < 20; ++sentence) {
    SentenceRows rows(PageList(cache.source), 1, cache, 7);
    std::vector<float> expected(kWidth, 0.0f);
    for (int step = 0; step < 40; ++step) {
      for (int r = 0; r < rows.rows(); ++r) {
        float* state = rows.state(r);
        float* own = expected.data() + static_cast<std::size_t>(r) * kWidth;
        expect(std::equal(state, state + kWidth, own), "a row has the state of its prefix");
        for (std::size_t i = 0; i < kWidth; ++i) state[i] = own[i] += static_cast<float>(100 * step + r);
      }
      std::vector<Continuation> next;
      std::vector<float> states;
      const int live = step % 3 == 0 ? rows.rows() : random.integer(1, 6);
      for (int r = 0; r < live; ++r) {
        const int parent = step % 3 == 0 ? r : random.integer(0, rows.rows() - 1);
        const float* state = expected.data() + static_cast<std::size_t>(parent) * kWidth;
        next.push_back({parent, r});
        states.insert(states.end(), state, state + kWidth);
      }
      rows.advance(next);
      expected = std::move(states);
    }
  }
}

void check_pages() {
  PagePool pool(128);
  std::byte* first = nullptr;
  {
    PageList list(pool);
    list.extend(3);
    const std::set<std::byte*> pages(list.pages().begin(), list.pages().end());
    expect(pages.size() == 3, "pages differ");
    first = list.pages()[0];
    std::memset(first, 1, 128);
    PageList moved = std::move(list);
    list = PageList(pool);
    expect(moved.size() == 3 && list.size() == 0, "a list can be moved");
  }
  PageList again(pool);
  again.extend(20);
  expect(std::find(again.pages().begin(), again.pages().end(), first) != again.pages().end(),
         "pages that were given back are given out again");
}

}  // namespace

}  // namespace octavo::testing

int main() {
  using namespace octavo::testing;
  const std::pair<const char*, void (*)()> checks[] = {{"team", check_team},
                                                       {"team_failures", check_team_failures},
                                                       {"team_asleep", check_team_asleep},
                                                       {"queue", check_queue},
                                                       {"priorities", check_priorities},
                                                       {"positions", check_positions},
                                                       {"states", check_states},
                                                       {"pages", check_pages}};
  return run_checks(checks);
}
