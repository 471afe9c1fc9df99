// Writes a C++ source that holds the named text files: embed ROOT LIST OUTPUT.
// LIST names one file per line, relative to ROOT, sorted; the output depends on nothing else.

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

namespace {

// Octal escapes have a fixed width, so that whatever follows cannot become part of one.
void writeLiteral(std::ostream& out, const std::string& text) {
  constexpr std::size_t kLineBytes = 4000;
  if (text.empty()) out << "\n     \"\"";
  for (std::size_t start = 0; start < text.size(); start += kLineBytes) {
    out << "\n     \"";
    for (const char raw : text.substr(start, kLineBytes)) {
      const auto byte = static_cast<unsigned char>(raw);
      if (raw == '\n') {
        out << "\\n";
      } else if (raw == '"' || raw == '\\' || raw == '?') {
        out << '\\' << raw;
      } else if (byte >= 0x20 && byte < 0x7f) {
        out << raw;
      } else {
        out << '\\' << static_cast<char>('0' + (byte >> 6))
            << static_cast<char>('0' + (byte >> 3 & 7)) << static_cast<char>('0' + (byte & 7));
      }
    }
    out << '"';
  }
}

int fail(const std::string& what) {
  std::cerr << "embed: " << what << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return fail("usage: embed ROOT LIST OUTPUT");
  const std::string root = argv[1];
  std::ifstream list{argv[2]};
  if (!list) return fail(std::string{"cannot read "} + argv[2]);
  std::vector<std::string> paths;
  for (std::string line; std::getline(list, line);) {
    if (!line.empty()) paths.push_back(line);
  }
  std::ofstream out{argv[3], std::ios::binary | std::ios::trunc};
  out << "#include <array>\n\n#include \"embedded/Embedded.h\"\n\nnamespace belay::embedded "
         "{\nnamespace {\n\n"
      << "using std::literals::operator\"\"sv;\n\n"
      << "constexpr std::array<File, " << paths.size() << "> kFiles{{";
  for (const std::string& path : paths) {
    std::ifstream file{root + '/' + path, std::ios::binary};
    if (!file) return fail("cannot read " + path);
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    out << "\n    {\"" << path << "\"sv,";
    writeLiteral(out, text);
    out << "sv},";
  }
  out << "\n}};\n\n}  // namespace\n\nstd::span<const File> files() noexcept { return kFiles; }\n\n"
      << "}  // namespace belay::embedded\n";
  out.close();
  return out ? 0 : fail(std::string{"cannot write "} + argv[3]);
}
