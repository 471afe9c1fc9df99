#pragma once

#include <string_view>

#include "agent/flow/Family.h"
#include "agent/flow/Names.h"
#include "agent/flow/ShapeCheck.h"

namespace belay::flow {

/// Checks steps: their keys by the tables, and what the tables cannot say, because it is about
/// several keys at once or about names of the flow.
///
/// Threads:   owner.
/// Ownership: borrows all that it is given.
class StepRules {
 public:
  StepRules(Report& report, ShapeCheck& shapes, Expressions& expressions, const FlowNames& names)
      : report_(report), shapes_(shapes), expressions_(expressions), names_(names) {}

  /// All steps of the list and of the lists within it.
  void check(const Node& steps);

 private:
  void step(const Node& step);
  void own(const Node& step);
  void familyKeys(const Node& step, const Node& member, const FamilyRow& row);
  void sameList(const Node& step);
  void target(const Node& node, std::size_t list);
  void id(const Node& step);
  const FamilyRow* family(const Node& step);
  void options(const Node& step, const FamilyRow& row);
  void option(const Node& step, const FamilyRow& row, unsigned bit, std::string_view name,
              std::string_view hint);
  void effect(const Node& step, const FamilyRow& row);
  void compensate(const Node& step, const FamilyRow& row);
  void rulesOf(const Node& spec, Family family);
  void run(const Node& spec);
  void callback(const Node& spec);
  void absolute(const Node& spec, std::string_view key);
  void ssh(const Node& spec);
  void http(const Node& spec);
  void httpBody(const Node& spec);
  void kv(const Node& spec);
  void wait(const Node& spec);
  void notify(const Node& spec);
  void agent(const Node& spec);
  void search(const Node& spec);
  void llm(const Node& spec);
  void namesTemplate(const Node& name);
  void parallel(const Node& spec);
  void forEach(const Node& spec);
  void loop(const Node& spec);
  void switchCases(const Node& spec);
  void connection(const Node& spec, std::initializer_list<std::string_view> types);
  /// Says so when `key` stands without any of `needs`.
  void onlyWith(const Node& spec, std::string_view key,
                std::initializer_list<std::string_view> needs);

  Report& report_;
  ShapeCheck& shapes_;
  Expressions& expressions_;
  const FlowNames& names_;
};

}  // namespace belay::flow
