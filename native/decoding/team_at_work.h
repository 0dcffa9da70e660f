#pragma once

#include "ops/workspace.h"

namespace octavo {

/// Gives a stream its team, as long as this lives.
class TeamAtWork {
 public:
  TeamAtWork(Workspace& workspace, Team& team) : workspace_(workspace) {
    if (team.size() > 1) workspace_.team = &team;
  }
  TeamAtWork(const TeamAtWork&) = delete;
  TeamAtWork& operator=(const TeamAtWork&) = delete;
  ~TeamAtWork() { workspace_.team = nullptr; }

 private:
  Workspace& workspace_;
};

}  // namespace octavo
