#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/json/SchemaProgram.h"

namespace belay::json {

/// Turns a schema into nodes and lists all that is wrong with it.
///
/// Threads:   owner.
/// Ownership: fills the program that it was given; the schema must live until compile() has
/// returned.
class SchemaCompiler {
 public:
  explicit SchemaCompiler(Schema::Program& program) : program_(program) {}

  /// Empty when the program is complete.
  std::vector<Violation> compile(const Value& schema);

 private:
  using Program = Schema::Program;
  using Node = Program::Node;
  using Index = Program::Index;
  using Reader = void (SchemaCompiler::*)(Index node, const Value& value);
  /// One keyword. Readers that are null read over what is only for people.
  struct Keyword {
    std::string_view name;
    Reader read;
  };
  struct Reference {
    Index from;
    std::string target;
    std::string pointer;
  };
  static std::span<const Keyword> keywords();

  Index subschema(const Value& schema, std::optional<std::string_view> token);
  void compileInto(Index index, const Value& schema);
  void unknownKeyword(const std::string& name);
  void checkPairs(Index index, const Value& schema);

  void readType(Index node, const Value& value);
  void readEnum(Index node, const Value& value);
  void readConst(Index node, const Value& value);
  void readDefault(Index node, const Value& value);
  void readProperties(Index node, const Value& value);
  void readPatternProperties(Index node, const Value& value);
  void readRequired(Index node, const Value& value);
  void readDependentRequired(Index node, const Value& value);
  void readAdditional(Index node, const Value& value);
  void readPropertyNames(Index node, const Value& value);
  void readPrefixItems(Index node, const Value& value);
  void readItems(Index node, const Value& value);
  void readUniqueItems(Index node, const Value& value);
  void readPattern(Index node, const Value& value);
  void readFormat(Index node, const Value& value);
  void readAbove(Index node, const Value& value);
  void readBelow(Index node, const Value& value);
  void readMultipleOf(Index node, const Value& value);
  void readNot(Index node, const Value& value);
  void readIf(Index node, const Value& value);
  void readThen(Index node, const Value& value);
  void readElse(Index node, const Value& value);
  void readRef(Index node, const Value& value);
  void readDefs(Index node, const Value& value);
  void readDialect(Index node, const Value& value);
  template <Program::Bounds Node::*kBounds, bool kLeast, bool kIsCount>
  void readBound(Index node, const Value& value);
  template <std::vector<Program::Index> Node::*kList>
  void readAlternatives(Index node, const Value& value);

  std::vector<std::string> names(const Value& value);
  void resolveReferences(const Value& root);
  void refuseCycles();
  void checkDefaults();
  std::string pointer() const;
  void problem(std::string message);

  Program& program_;
  std::vector<std::string_view> path_;
  std::vector<Violation> problems_;
  std::unordered_map<const Value*, Index> places_;
  std::vector<Reference> references_;
  /// Where the nodes with a default stand, for messages.
  std::vector<std::pair<Index, std::string>> defaults_;
};

}  // namespace belay::json
