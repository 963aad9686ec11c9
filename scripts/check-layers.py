#!/usr/bin/env python3
"""Checks the layers of src/.

    scripts/check-layers.py [BUILD_DIR]

Each folder has a file USES: the folders that it may use, one a line. Checked are
  includes    every #include "folder/..." stays within the folder and its USES
  order       what a folder uses comes before it in the order of src/meson.build (so there are no cycles)
and, given a build folder (release or debug, not sanitised), on its libraries
  symbols     an undefined symbol of a folder's objects is its own, one of its USES, or a system library's
  link        the folder's whole library links with what it may use, and nothing stays undefined
  cores       src/*/core uses src/base alone, and of libc nothing that does I/O
  kernel      (R1) nothing outside src/rt asks for time, randomness, files, sockets or threads
  globals     (R1) nothing outside src/rt has variables that outlive an instance

Prints a line per check and folder, "ok" or "FAILED" with reasons, and exits 1 when one failed.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SRC = os.path.join(ROOT, 'src')

SYSTEM_LIBRARIES = ['-lisal', '-lxxhash', '-luring', '-lssl', '-lcrypto', '-lboost_context', '-lpg_query', '-lpq', '-lm', '-lpthread']

# What libc has that only src/rt may call.
KERNEL = set('''
    accept accept4 bind clock_gettime clock_nanosleep close connect creat epoll_create1 epoll_ctl epoll_wait eventfd fallocate fdatasync
    fopen fopen64 fork fsync ftruncate ftruncate64 getaddrinfo getentropy getrandom getrusage gettimeofday io_uring_enter kill listen lseek
    lseek64 mmap mmap64 nanosleep open open64 openat openat64 poll ppoll pread pread64 preadv pthread_cond_wait pthread_create pthread_join
    pthread_mutex_lock pwrite pwrite64 pwritev rand random read readv recv recvfrom recvmsg rename select send sendfile sendmsg sendto
    setsockopt shutdown sleep socket srand srandom sync_file_range time timerfd_create unlink usleep write writev'''.split())

# Programs, and what runs before the runtime does: (folder, object) -> the calls it may make.
KERNEL_ALLOWED = {
    ('server', 'main.c'): {'write'},
    ('server', 'config_file.c'): {'fopen', 'fopen64'},
    ('cli', '*'): {'write', 'fopen', 'fopen64'},
    ('base', 'diag.c'): {'write'},
    ('base', 'mem.c'): {'write'},
    ('base', 'log.c'): {'write'},
}

# What the cores may take from libc and from the compiler's support library.
CORE_LIBC = set('''
    __assert_fail __stack_chk_fail _GLOBAL_OFFSET_TABLE_ __memcpy_chk __memmove_chk __memset_chk __snprintf_chk __isoc99_sscanf
    abort bsearch calloc erfc exp exp2 fmax fmin free frexp log log10 log2 malloc memchr memcmp memcpy memmove memset pow qsort
    realloc snprintf sqrt strchr strcmp strcpy strlen strncmp strnlen strrchr vsnprintf'''.split())


def order_of_layers():
    text = open(os.path.join(SRC, 'meson.build')).read()
    listed = re.search(r'foreach layer : \[(.*?)\]', text, re.S).group(1)
    top = re.findall(r"'([^']+)'", listed)
    sql = os.path.join(SRC, 'sql', 'meson.build')
    parts = []
    if os.path.exists(sql):
        found = re.search(r'foreach part : \[(.*?)\]', open(sql).read(), re.S)
        parts = ['sql/' + p for p in re.findall(r"'([^']+)'", found.group(1))] if found else []
    order = []
    for layer in top:
        if layer == 'sql':
            # src/sql/*.h are what its parts share (trees, plans, the session); only functions/ is below them
            order += [p for p in parts if p == 'sql/functions'] + ['sql'] + [p for p in parts if p != 'sql/functions']
        else:
            order.append(layer)
    return order


class Folder:
    def __init__(self, name, order):
        self.name = name
        self.path = os.path.join(SRC, name)
        self.rank = order.index(name)
        self.files = []
        for base, dirs, names in os.walk(self.path):
            dirs[:] = [d for d in dirs if os.path.relpath(os.path.join(base, d), SRC) not in order]
            self.files += [os.path.join(base, f) for f in names if f.endswith(('.c', '.h'))]
        uses = os.path.join(self.path, 'USES')
        self.has_uses = os.path.exists(uses)
        self.uses = open(uses).read().split() if self.has_uses else []


def folder_of_include(path, order):
    parts = path.split('/')
    for n in range(len(parts) - 1, 0, -1):
        if '/'.join(parts[:n]) in order:
            return '/'.join(parts[:n])
    return None


def includes_of(path):
    with open(path, errors='replace') as f:
        for number, line in enumerate(f, 1):
            found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if found:
                yield number, found.group(1)


def check_includes(folder, order):
    if not folder.has_uses:
        yield 'src/%s/USES is missing' % folder.name
    for path in sorted(folder.files):
        for number, include in includes_of(path):
            target = folder_of_include(include, order)
            if target is None:
                if os.path.exists(os.path.join(SRC, include.split('/')[0])) and '/' in include:
                    yield '%s:%d: "%s" is in no layer' % (os.path.relpath(path, ROOT), number, include)
            elif target != folder.name and target not in folder.uses:
                yield '%s:%d: includes "%s", and src/%s/USES does not have %s' % (
                    os.path.relpath(path, ROOT), number, include, folder.name, target)


def check_order(folder, order):
    for used in folder.uses:
        if used not in order:
            yield 'src/%s/USES: there is no folder "%s"' % (folder.name, used)
        elif order.index(used) >= folder.rank:
            yield 'src/%s/USES: %s is not below it in src/meson.build' % (folder.name, used)


# ---- objects and libraries ---------------------------------------------------------------------


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Objects:
    """The object files of one folder in the build folder, with the symbols that each defines and wants."""

    def __init__(self, build, folder, order):
        self.build = os.path.join(build, 'src', folder.name)
        self.objects, self.libraries = [], []
        for base, dirs, names in os.walk(self.build):
            dirs[:] = [d for d in dirs if os.path.relpath(os.path.join(base, d), os.path.join(build, 'src')) not in order]
            self.objects += sorted(os.path.join(base, f) for f in names if f.endswith('.o'))
            self.libraries += sorted(os.path.join(base, f) for f in names if f.endswith('.a'))
        # Objects of libraries that meson no longer builds may still lie there.
        self.objects = [o for o in self.objects if os.path.exists(os.path.dirname(o)[:-2])]
        self.defined = {o: set() for o in self.objects}
        self.wanted = {o: set() for o in self.objects}
        self.variables = {o: [] for o in self.objects}
        if self.objects:
            self.read_symbols()
            self.read_variables()
        self.all_defined = set().union(*self.defined.values()) if self.defined else set()

    def read_symbols(self):
        for line in run('nm', '-A', '-P', *self.objects).stdout.splitlines():
            o, rest = line.split(': ', 1)
            name, kind = rest.split()[:2]
            if kind in 'Uw':
                self.wanted[o].add(name)
            elif kind.isupper():
                self.defined[o].add(name)

    def read_variables(self):
        """(name, section) of what can be written."""
        o = None
        for line in run('objdump', '-t', *self.objects).stdout.splitlines():
            if ':     file format' in line:
                o = line.split(':     file format')[0]
            found = re.match(r'[0-9a-f]+ .{6}O (\S+)\s+[0-9a-f]+ (\S+)', line)
            if found and (re.match(r'\.(t?bss|t?data)(\.(?!rel\.ro)|$)', found.group(1)) or found.group(1) == '*COM*'):
                self.variables[o].append((found.group(2), found.group(1)))

    @staticmethod
    def source(o):
        return os.path.basename(o)[:-2]

    def is_program(self, o):
        return '.a.p' not in o


def check_symbols(folder, objects):
    own = objects[folder.name]
    for o in own.objects:
        for name in sorted(own.wanted[o] - own.all_defined):
            owners = [f for f, other in objects.items() if name in other.all_defined]
            if owners and not set(owners) & set(folder.uses):
                yield '%s uses %s() of src/%s, and src/%s/USES does not have it' % (own.source(o), name, owners[0], folder.name)


def closure(folder, folders):
    seen, todo = [], list(folder.uses)
    while todo:
        name = todo.pop(0)
        if name not in seen and name in folders:
            seen.append(name)
            todo += folders[name].uses
    return seen


def check_link(folder, folders, objects):
    own = objects[folder.name]
    if not own.libraries:
        return
    allowed = [lib for name in closure(folder, folders) for lib in objects[name].libraries]
    result = run('gcc', '-shared', '-nostartfiles', '-o', '/dev/null', '-Wl,-z,defs', '-Wl,--whole-archive', *own.libraries,
                 '-Wl,--no-whole-archive', '-Wl,--start-group', *allowed, '-Wl,--end-group', *SYSTEM_LIBRARIES)
    if result.returncode:
        missing = sorted(set(re.findall(r"undefined reference to `([^']+)'", result.stdout)))
        yield 'undefined: ' + ' '.join(missing[:20]) if missing else result.stdout.strip()[-500:]


def check_core(folder, objects):
    own = objects[folder.name]
    for o in own.objects:
        if own.source(o).startswith('core_'):
            siblings = [p for p in own.objects if os.path.dirname(p) == os.path.dirname(o) and
                        ('_core.a.p' in p or own.source(p).startswith('core_'))]
            allowed = set().union(*(own.defined[p] for p in siblings)) | objects['base'].all_defined | CORE_LIBC
            for f in folder.uses:  # the cores below, and tables that are as pure
                for p, defined in objects[f].defined.items():
                    if own.source(p).startswith('core_') or objects[f].wanted[p] <= allowed:
                        allowed = allowed | defined
            for name in sorted(own.wanted[o] - allowed):
                yield '%s uses %s' % (own.source(o), name)


def check_kernel(folder, objects):
    own = objects[folder.name]
    for o in own.objects:
        allowed = KERNEL_ALLOWED.get((folder.name, own.source(o)), KERNEL_ALLOWED.get((folder.name, '*'), set()))
        for name in sorted((own.wanted[o] & KERNEL) - allowed):
            yield '%s calls %s()' % (own.source(o), name)


def check_globals(folder, objects):
    own = objects[folder.name]
    for o in own.objects:
        if own.is_program(o):
            continue  # main() may keep what it likes
        for name, section in own.variables[o]:
            yield '%s has a variable %s in %s' % (own.source(o), name, section)


def main():
    order = order_of_layers()
    names = [n for n in order if os.path.isdir(os.path.join(SRC, n))]
    folders = {n: Folder(n, order) for n in names}
    folders = {n: f for n, f in folders.items() if f.files}
    checks = [('includes', f.name, lambda f=f: check_includes(f, order)) for f in folders.values()]
    checks += [('order', f.name, lambda f=f: check_order(f, order)) for f in folders.values()]
    if len(sys.argv) > 1:
        build = os.path.abspath(sys.argv[1])
        objects = {n: Objects(build, f, order) for n, f in folders.items()}
        for f in folders.values():
            if not objects[f.name].objects:
                continue
            checks.append(('symbols', f.name, lambda f=f: check_symbols(f, objects)))
            checks.append(('link', f.name, lambda f=f: check_link(f, folders, objects)))
            if any(objects[f.name].source(o).startswith('core_') for o in objects[f.name].objects):
                checks.append(('cores', f.name, lambda f=f: check_core(f, objects)))
            if f.name != 'rt':
                checks.append(('kernel', f.name, lambda f=f: check_kernel(f, objects)))
                checks.append(('globals', f.name, lambda f=f: check_globals(f, objects)))
    failed = 0
    for what, name, check in checks:
        reasons = list(check())
        print('%-8s %-16s %s' % (what, name, 'FAILED' if reasons else 'ok'))
        for reason in reasons:
            print('    ' + reason)
        failed += bool(reasons)
    print('layers: %d passed, %d failed' % (len(checks) - failed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
