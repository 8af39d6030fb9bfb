// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Takes the allocator's larger blocks away, so that fragment caches have to do with one page, and
 * asks them for fragments of more than a page. See ../README.md.
 */
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#ifdef LAB_HAVE_PAGE_FRAG_CACHE_H
#include <linux/page_frag_cache.h>
#endif

#if defined(LAB_HAVE_PAGE_FRAG_ALLOC)
#define lab_frag_alloc page_frag_alloc
#define lab_frag_free  page_frag_free
#else /* its names before v4.10; the Makefile refuses a kernel that has neither */
#define lab_frag_alloc __alloc_page_frag
#define lab_frag_free  __free_page_frag
#endif

static unsigned int memory_mb;
module_param(memory_mb, uint, 0444);
MODULE_PARM_DESC(memory_mb, "memory to fill page by page; 0: half of what is free");

static unsigned int fragsize = 4097;
module_param(fragsize, uint, 0444);
MODULE_PARM_DESC(fragsize, "size of a fragment in bytes");

static unsigned int caches = 4096;
module_param(caches, uint, 0444);
MODULE_PARM_DESC(caches, "fragments held at a time, each of a cache of its own");

static unsigned int seconds = 10;
module_param(seconds, uint, 0444);
MODULE_PARM_DESC(seconds, "how long to go on");

/* A driver's flags in its interrupt. kswapd stays asleep: it would have the pages moved together
 * again. */
#if defined(__GFP_KSWAPD_RECLAIM)
#define LAB_GFP ((GFP_ATOMIC & ~__GFP_KSWAPD_RECLAIM) | __GFP_NOWARN)
#elif defined(__GFP_NO_KSWAPD)
#define LAB_GFP (GFP_ATOMIC | __GFP_NO_KSWAPD | __GFP_NOWARN)
#else
#define LAB_GFP (GFP_ATOMIC | __GFP_NOWARN)
#endif

#define LAB_ORDER get_order(PAGE_FRAG_CACHE_MAX_SIZE)

/* Caches of a round that got a block, or nothing: more would take the guest's memory. */
#define LAB_MAX_OTHERS 64

struct lab_asked {
    struct page_frag_cache cache;
    void *fragment;
};

static struct lab_asked *asked;
static void *hoard; /* blocks, each one's first word points to the next */
static unsigned long kept, given_back, length; /* two mappings of one length */
static unsigned long requests, fallbacks, refused, outside, blocks, no_page;

static void *
lab_cache_address(const struct page_frag_cache *cache)
{
#ifdef PAGE_FRAG_CACHE_ORDER_MASK /* since v6.13 */
    return (void *)(cache->encoded_page & PAGE_MASK);
#else
    return cache->va;
#endif
}

static unsigned long
lab_cache_size(const struct page_frag_cache *cache)
{
#ifdef PAGE_FRAG_CACHE_ORDER_MASK
    return PAGE_SIZE << (cache->encoded_page & PAGE_FRAG_CACHE_ORDER_MASK);
#elif (PAGE_SIZE < PAGE_FRAG_CACHE_MAX_SIZE)
    return cache->size;
#else
    return PAGE_SIZE;
#endif
}

/* Gives back the references that a cache holds in store, and with the last one its page. */
static void
lab_cache_drain(struct page_frag_cache *cache)
{
    if (!lab_cache_address(cache))
        return;
#if defined(LAB_HAVE_CACHE_DRAIN)
    page_frag_cache_drain(cache);
#elif defined(LAB_HAVE_PAGE_DRAIN)
    __page_frag_cache_drain(virt_to_head_page(cache->va), cache->pagecnt_bias);
    cache->va = NULL;
#else
    while (cache->pagecnt_bias > 0) {
        cache->pagecnt_bias--;
        lab_frag_free(cache->va);
    }
    cache->va = NULL;
#endif
}

/* Two mappings are filled in turns, so that their pages lie side by side; one of them is given
 * back. What is free then are single pages between pages of a process. */
static int
lab_make_holes(void)
{
    unsigned long at;

    kept = vm_mmap(NULL, 0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
    if (IS_ERR_VALUE(kept))
        return (int)kept;
    given_back = vm_mmap(NULL, 0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
    if (IS_ERR_VALUE(given_back)) {
        vm_munmap(kept, length);
        return (int)given_back;
    }
    for (at = 0; at < length; at += PAGE_SIZE) {
        if (put_user(1, (char __user *)(kept + at)) ||
            put_user(1, (char __user *)(given_back + at))) {
            vm_munmap(kept, length);
            vm_munmap(given_back, length);
            return -ENOMEM;
        }
        cond_resched();
    }
    vm_munmap(given_back, length);
    return 0;
}

/* The pages of the holes are there for everybody else: without them the guest runs out of memory.
 */
static bool
lab_memory_is_short(void)
{
    struct sysinfo info;

    si_meminfo(&info);
    return info.freeram * info.mem_unit < length / 2;
}

/* Takes every block that a fragment cache could get in place of a page. */
static void
lab_hoard_blocks(void)
{
    void *block;

    while (!lab_memory_is_short()) {
        block = (void *)__get_free_pages(LAB_GFP | __GFP_NORETRY | __GFP_NOMEMALLOC, LAB_ORDER);
        if (!block)
            return;
        *(void **)block = hoard;
        hoard = block;
        blocks++;
        cond_resched();
    }
}

static void
lab_give_back_blocks(void)
{
    void *next;

    for (; hoard; hoard = next) {
        next = *(void **)hoard;
        free_pages((unsigned long)hoard, LAB_ORDER);
    }
}

/* Whether the cache had to do with one page. */
static bool
lab_ask(struct lab_asked *one)
{
    char *address, *fragment;

    one->fragment = lab_frag_alloc(&one->cache, fragsize, LAB_GFP);
    fragment = one->fragment;
    address = lab_cache_address(&one->cache);
    requests++;
    if (!address) {
        no_page++;
        return false;
    }
    if (!fragment)
        refused++;
    else if (fragment < address || fragment + fragsize > address + lab_cache_size(&one->cache))
        outside++;
    if (lab_cache_size(&one->cache) > PAGE_SIZE)
        return false;
    fallbacks++;
    return true;
}

static void
lab_report(void)
{
    pr_info("@metric fragments %lu\n", requests);
    pr_info("@metric fallbacks %lu\n", fallbacks);
    pr_info("@metric refused %lu\n", refused);
    pr_info("@metric outside %lu\n", outside);
    pr_info("@metric no_page %lu\n", no_page);
    pr_info("@metric blocks %lu\n", blocks);
}

/* Each cache is new, and asked once: one that holds a page already would not ask the allocator. */
static void
lab_round(bool report)
{
    unsigned int i, others = 0;

    lab_hoard_blocks();
    memset(asked, 0, caches * sizeof(*asked));
    for (i = 0; i < caches && others < LAB_MAX_OTHERS; i++)
        if (!lab_ask(&asked[i]))
            others++;
    if (report)
        lab_report();
    for (i = 0; i < caches; i++)
        if (asked[i].fragment)
            lab_frag_free(asked[i].fragment);
    cond_resched();
    for (i = 0; i < caches; i++)
        lab_cache_drain(&asked[i].cache);
    cond_resched();
}

static int __init
lab_page_frag_init(void)
{
    unsigned long end;
    struct sysinfo info;
    int result;

    if (fragsize == 0 || fragsize > PAGE_FRAG_CACHE_MAX_SIZE || caches == 0 || caches > 1u << 20)
        return -EINVAL;
    si_meminfo(&info);
    if (memory_mb)
        length = (unsigned long)memory_mb << 20;
    else
        length = info.freeram * info.mem_unit / 2;
    length = PAGE_ALIGN(length / 2);
    asked = vzalloc(caches * sizeof(*asked));
    if (!asked)
        return -ENOMEM;
    pr_info("lab_page_frag: 2 x %lu MB of pages in turns, fragments of %u bytes\n", length >> 20,
            fragsize);
    result = lab_make_holes();
    if (result == 0) {
        end = jiffies + seconds * HZ;
        lab_round(true); /* the figures come before what may be the end */
        while (time_before(jiffies, end))
            lab_round(false);
        lab_report();
        lab_give_back_blocks();
        vm_munmap(kept, length);
    }
    vfree(asked);
    return result;
}

static void __exit
lab_page_frag_exit(void)
{
}

module_init(lab_page_frag_init);
module_exit(lab_page_frag_exit);
MODULE_DESCRIPTION("kreglab: fragments larger than a page from caches of one page");
MODULE_LICENSE("GPL");
