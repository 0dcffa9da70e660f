#include "decoding/request_queue.h"

namespace octavo {

using Stage = Request::Progress::Stage;

void RequestQueue::add(const std::shared_ptr<Request>& request) {
  Request::Progress& progress = request->progress;
  if (progress.waiting == 0) return;
  Level& level = level_of(*request);
  progress.in_queue = level.insert(level.end(), request);
  sentences_ += progress.waiting;
  for (std::size_t i = 0; i < request->sources.size(); ++i) tokens_ += request->tokens_of(i);
}

void RequestQueue::take(Room room, std::size_t share, std::vector<Taken>& taken) {
  for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
    while (!level->empty()) {
      const std::shared_ptr<Request> request = level->front();
      Request::Progress& progress = request->progress;
      while (progress.waiting > 0) {
        const Waiting next = progress.line.front();
        if (progress.stages[next.index] == Stage::waiting) {
          if (taken.size() == share || !room.let_in(next)) return;
          leave(*request, next.index, Stage::under_way);
          taken.push_back({request, next});
        }
        progress.line.pop();
      }
    }
  }
}

void RequestQueue::forget(Request& request, std::size_t sentence) { leave(request, sentence, Stage::ended); }

void RequestQueue::leave(Request& request, std::size_t sentence, Stage stage) {
  request.progress.stages[sentence] = stage;
  --sentences_;
  tokens_ -= request.tokens_of(sentence);
  if (--request.progress.waiting == 0) level_of(request).erase(request.progress.in_queue);
}

}  // namespace octavo
