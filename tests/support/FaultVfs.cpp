#include "tests/support/FaultVfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <optional>
#include <utility>

#include "common/base/Check.h"

namespace belay::test {

struct FaultVfs::State {
  Disk disk;
  std::optional<Fault> fault;
  bool faultHappened = false;
  std::uint64_t operations = 0;
  std::uint64_t syncs = 0;
  std::function<void()> onSync;
  std::string ignoredSyncs{"none"};
  SeededRandom random{42};
  std::string name;
  sqlite3_vfs vfs{};
};

namespace {

using State = FaultVfs::State;
using File = FaultVfs::File;
using Piece = FaultVfs::Piece;
using Fate = FaultVfs::Piece::Fate;
using Failure = FaultVfs::Failure;

constexpr std::uint64_t kSector = 512;

enum class Operation { kOpen, kRead, kWrite, kTruncate, kSync, kDelete };

/// What SQLite allocates for an open file. Temporary files have no name and cannot fail.
struct OpenFile {
  sqlite3_file base;
  State* state;
  File* file;
  std::string* path;  // nullptr: temporary, `file` is owned
  bool deleteOnClose;
};

OpenFile& opened(sqlite3_file* file) { return *reinterpret_cast<OpenFile*>(file); }

/// Counts an operation; true when it must fail.
bool fails(State& state, Operation operation) {
  ++state.operations;
  if (!state.fault || state.operations < state.fault->at) return false;
  if (state.faultHappened && !state.fault->sticky) return false;
  if (state.fault->failure == Failure::kDiskFull && operation != Operation::kWrite) return false;
  state.faultHappened = true;
  return true;
}

void overlay(std::string& content, std::uint64_t offset, std::string_view bytes) {
  if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
  content.replace(offset, bytes.size(), bytes);
}

void put(File& file, std::uint64_t offset, std::string_view bytes) {
  overlay(file.content, offset, bytes);
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kSector - offset % kSector);
    file.pieces.push_back({offset, file.written.size(), part.size(), false, Fate::kPending});
    file.written += part;
    offset += part.size();
    bytes.remove_prefix(part.size());
  }
}

/// After a sync: true when all is certain.
bool settlePieces(File& file, bool failed) {
  bool doubtful = false;
  for (Piece& piece : file.pieces) {
    if (piece.fate == Fate::kPending) piece.fate = failed ? Fate::kDoubtful : Fate::kCertain;
    doubtful = doubtful || piece.fate == Fate::kDoubtful;
  }
  return !doubtful;
}

void apply(std::string& content, const Piece& piece, std::string_view bytes) {
  if (piece.isSize) {
    content.resize(piece.offset);
  } else {
    overlay(content, piece.offset, bytes);
  }
}

/// All that was written is certain. Only that is copied, because a database is synced often.
void applyPieces(File& file) {
  for (const Piece& piece : file.pieces) {
    apply(file.durable, piece, std::string_view(file.written).substr(piece.from, piece.size));
  }
  file.pieces.clear();
  file.written.clear();
}

int closeFile(sqlite3_file* raw) noexcept {
  OpenFile& file = opened(raw);
  if (file.path == nullptr) {
    delete file.file;
  } else {
    if (file.deleteOnClose) file.state->disk.files.erase(*file.path);
    delete file.path;
  }
  return SQLITE_OK;
}

int readFile(sqlite3_file* raw, void* to, int amount, sqlite3_int64 offset) noexcept {
  OpenFile& file = opened(raw);
  const auto wanted = static_cast<std::size_t>(amount);
  const auto from = static_cast<std::size_t>(offset);
  if (file.path != nullptr && fails(*file.state, Operation::kRead)) return SQLITE_IOERR_READ;
  const std::string& content = file.file->content;
  const std::size_t there = from < content.size() ? std::min(wanted, content.size() - from) : 0;
  if (there > 0) std::memcpy(to, content.data() + from, there);
  if (there == wanted) return SQLITE_OK;
  std::memset(static_cast<char*>(to) + there, 0, wanted - there);
  return SQLITE_IOERR_SHORT_READ;
}

int writeFile(sqlite3_file* raw, const void* from, int amount, sqlite3_int64 offset) noexcept {
  OpenFile& file = opened(raw);
  std::string_view bytes(static_cast<const char*>(from), static_cast<std::size_t>(amount));
  const auto at = static_cast<std::uint64_t>(offset);
  if (file.path != nullptr && fails(*file.state, Operation::kWrite)) {
    // A write that fails may have begun.
    put(*file.file, at, bytes.substr(0, file.state->random.below(bytes.size())));
    return file.state->fault->failure == Failure::kDiskFull ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  }
  put(*file.file, at, bytes);
  return SQLITE_OK;
}

int truncateFile(sqlite3_file* raw, sqlite3_int64 size) noexcept {
  OpenFile& file = opened(raw);
  if (file.path != nullptr && fails(*file.state, Operation::kTruncate)) {
    return SQLITE_IOERR_TRUNCATE;
  }
  file.file->content.resize(static_cast<std::size_t>(size));
  file.file->pieces.push_back({static_cast<std::uint64_t>(size), 0, 0, true, Fate::kPending});
  return SQLITE_OK;
}

int syncFile(sqlite3_file* raw, int) noexcept {
  OpenFile& file = opened(raw);
  if (file.path == nullptr) return SQLITE_OK;
  State& state = *file.state;
  ++state.syncs;
  if (state.onSync) state.onSync();
  File& synced = *file.file;
  const bool failed = fails(state, Operation::kSync);
  if (!failed && file.path->ends_with(state.ignoredSyncs)) return SQLITE_OK;
  if (settlePieces(synced, failed)) applyPieces(synced);
  if (failed) return SQLITE_IOERR_FSYNC;
  // The real VFS syncs the folder with the first sync of a new journal: all names in it are kept.
  for (auto& [path, other] : state.disk.files) other.named = true;
  state.disk.deleted.clear();
  return SQLITE_OK;
}

int fileSize(sqlite3_file* raw, sqlite3_int64* size) noexcept {
  *size = static_cast<sqlite3_int64>(opened(raw).file->content.size());
  return SQLITE_OK;
}

int lockFile(sqlite3_file*, int) noexcept { return SQLITE_OK; }

int checkReserved(sqlite3_file*, int* reserved) noexcept {
  *reserved = 0;
  return SQLITE_OK;
}

int control(sqlite3_file*, int, void*) noexcept { return SQLITE_NOTFOUND; }

int sectorSize(sqlite3_file*) noexcept { return 4096; }

int characteristics(sqlite3_file*) noexcept { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

sqlite3_io_methods makeMethods() {
  sqlite3_io_methods methods{};
  methods.iVersion = 1;  // without shared memory: only an exclusive connection can use a WAL
  methods.xClose = &closeFile;
  methods.xRead = &readFile;
  methods.xWrite = &writeFile;
  methods.xTruncate = &truncateFile;
  methods.xSync = &syncFile;
  methods.xFileSize = &fileSize;
  methods.xLock = &lockFile;
  methods.xUnlock = &lockFile;
  methods.xCheckReservedLock = &checkReserved;
  methods.xFileControl = &control;
  methods.xSectorSize = &sectorSize;
  methods.xDeviceCharacteristics = &characteristics;
  return methods;
}

const sqlite3_io_methods kMethods = makeMethods();

State& stateOf(sqlite3_vfs* vfs) { return *static_cast<State*>(vfs->pAppData); }

int openFile(sqlite3_vfs* vfs, const char* path, sqlite3_file* raw, int flags, int* out) noexcept {
  State& state = stateOf(vfs);
  OpenFile& file = opened(raw);
  file.base.pMethods = nullptr;
  file.state = &state;
  file.deleteOnClose = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
  if (path == nullptr) {
    file.path = nullptr;
    file.file = new File;
  } else {
    if (fails(state, Operation::kOpen)) return SQLITE_CANTOPEN;
    const bool there = state.disk.files.contains(path);
    if (!there && (flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
    file.path = new std::string(path);
    file.file = &state.disk.files[path];
  }
  file.base.pMethods = &kMethods;
  if (out != nullptr) *out = flags;
  return SQLITE_OK;
}

int deleteFile(sqlite3_vfs* vfs, const char* path, int syncFolder) noexcept {
  State& state = stateOf(vfs);
  if (fails(state, Operation::kDelete)) return SQLITE_IOERR_DELETE;
  const auto found = state.disk.files.find(path);
  if (found == state.disk.files.end()) return SQLITE_IOERR_DELETE_NOENT;
  if (syncFolder == 0 && found->second.named) state.disk.deleted[path] = found->second.durable;
  state.disk.files.erase(found);
  return SQLITE_OK;
}

int accessFile(sqlite3_vfs* vfs, const char* path, int, int* result) noexcept {
  *result = stateOf(vfs).disk.files.contains(path) ? 1 : 0;
  return SQLITE_OK;
}

int fullPath(sqlite3_vfs*, const char* path, int size, char* out) noexcept {
  sqlite3_snprintf(size, out, "%s", path);
  return SQLITE_OK;
}

int randomness(sqlite3_vfs* vfs, int size, char* out) noexcept {
  stateOf(vfs).random.fill({reinterpret_cast<std::uint8_t*>(out), static_cast<std::size_t>(size)});
  return size;
}

int sleepFor(sqlite3_vfs*, int micros) noexcept { return micros; }

int currentTime(sqlite3_vfs*, double* day) noexcept {
  *day = 2461000.5;
  return SQLITE_OK;
}

/// What is left of one piece: all, nothing, its beginning, or garbage in its place.
void applyByChance(File& left, const File& file, const Piece& piece, SeededRandom& random) {
  const std::uint64_t chance = piece.fate == Fate::kCertain ? 7 : random.below(8);
  if (chance < 3) return;
  std::string bytes = file.written.substr(piece.from, piece.size);
  if (chance == 3 && !piece.isSize) bytes.resize(random.below(bytes.size() + 1));
  if (chance == 4) {
    for (char& byte : bytes) byte = static_cast<char>(random.below(256));
  }
  apply(left.content, piece, bytes);
}

}  // namespace

FaultVfs::FaultVfs() : state_(std::make_unique<State>()) {
  static std::atomic<int> count{0};
  state_->name = "fault-" + std::to_string(++count);
  sqlite3_vfs& vfs = state_->vfs;
  vfs.iVersion = 1;
  vfs.szOsFile = sizeof(OpenFile);
  vfs.mxPathname = 512;
  vfs.zName = state_->name.c_str();
  vfs.pAppData = state_.get();
  vfs.xOpen = &openFile;
  vfs.xDelete = &deleteFile;
  vfs.xAccess = &accessFile;
  vfs.xFullPathname = &fullPath;
  vfs.xRandomness = &randomness;
  vfs.xSleep = &sleepFor;
  vfs.xCurrentTime = &currentTime;
  BELAY_CHECK(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
}

FaultVfs::~FaultVfs() { sqlite3_vfs_unregister(&state_->vfs); }

const std::string& FaultVfs::name() const { return state_->name; }

void FaultVfs::setFault(const Fault& fault) {
  state_->fault = fault;
  state_->faultHappened = false;
}

void FaultVfs::clearFault() { state_->fault.reset(); }

bool FaultVfs::faultHappened() const { return state_->faultHappened; }

std::uint64_t FaultVfs::operations() const { return state_->operations; }

std::uint64_t FaultVfs::syncs() const { return state_->syncs; }

void FaultVfs::ignoreSyncsOf(std::string suffix) { state_->ignoredSyncs = std::move(suffix); }

void FaultVfs::onSync(std::function<void()> hook) { state_->onSync = std::move(hook); }

const FaultVfs::Disk& FaultVfs::disk() const { return state_->disk; }

void FaultVfs::setDisk(Disk disk) { state_->disk = std::move(disk); }

FaultVfs::Disk FaultVfs::crashImage(const Disk& disk, SeededRandom& random) {
  Disk image;
  for (const auto& [path, file] : disk.files) {
    if (!file.named && random.below(2) == 0) continue;
    File left;
    left.content = file.durable;
    for (const Piece& piece : file.pieces) applyByChance(left, file, piece, random);
    left.durable = left.content;
    left.named = true;
    image.files[path] = std::move(left);
  }
  for (const auto& [path, content] : disk.deleted) {
    if (image.files.contains(path) || random.below(2) == 0) continue;
    image.files[path] = File{content, content, {}, "", true};
  }
  return image;
}

}  // namespace belay::test
