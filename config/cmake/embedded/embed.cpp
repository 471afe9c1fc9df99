// Writes a C++ source that holds the named text files, packed: embed ROOT LIST OUTPUT.
// LIST names one file per line, relative to ROOT, sorted; the output depends on nothing else.

#include <zlib.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

namespace {

std::vector<unsigned char> pack(const std::string& text) {
  uLongf size = compressBound(text.size());
  std::vector<unsigned char> packed(size);
  const auto* bytes = reinterpret_cast<const Bytef*>(text.data());
  if (compress2(packed.data(), &size, bytes, text.size(), Z_BEST_COMPRESSION) != Z_OK) size = 0;
  packed.resize(size);
  return packed;
}

void writeBytes(std::ostream& out, const std::vector<unsigned char>& bytes) {
  constexpr std::size_t kPerLine = 24;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    out << (i % kPerLine == 0 ? "\n    " : "") << static_cast<unsigned>(bytes[i]) << ',';
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
  out << "#include \"embedded/Packed.h\"\n\nnamespace belay::embedded::packed {\nnamespace {\n\n"
      << "constexpr Entry kTable[] = {";
  std::string all;
  for (const std::string& path : paths) {
    std::ifstream file{root + '/' + path, std::ios::binary};
    if (!file) return fail("cannot read " + path);
    const std::size_t before = all.size();
    all.append(std::istreambuf_iterator<char>{file}, {});
    out << "\n    {\"" << path << "\", " << all.size() - before << "},";
  }
  const std::vector<unsigned char> packed = pack(all);
  if (packed.empty()) return fail("zlib cannot pack");
  out << "\n};\nconstexpr unsigned char kStream[] = {";
  writeBytes(out, packed);
  out << "\n};\nunsigned char room[" << all.size() << "];\nFile unpacked[" << paths.size()
      << "];\n\n"
      << "}  // namespace\n\nconst std::span<const Entry> kEntries{kTable};\n"
      << "const std::span<const unsigned char> kData{kStream};\n"
      << "const std::span<unsigned char> kRoom{room};\n"
      << "const std::span<File> kFiles{unpacked};\n\n"
      << "}  // namespace belay::embedded::packed\n";
  out.close();
  return out ? 0 : fail(std::string{"cannot write "} + argv[3]);
}
