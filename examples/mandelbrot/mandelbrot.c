// mandelbrot.c - a picture, drawn in tiles by all CPUs
//
// SPDX-License-Identifier: MPL-2.0
//
//     mandelbrot [--size WxH] [--centre RE,IM] [--width W]
//                [--iterations N] [--samples N] [--workers N] [FILE]
//
// A typed map: an array of tile positions in, an array of tiles out, and the
// view as the argument of all. Tiles are of one size whatever the picture's, so
// the same program runs where workers are on other hosts. They take unequal
// time (the black ones longest); brood hands them out as workers come free.
//
// Read next: examples/map_with.c for the options of a map.

#include <brood.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    TILE = 32,
    SIDE_MAX = 16384,
    STOPS = 6
};

// What every tile needs to know.
typedef struct {
    double left;
    double top;
    double step;  // From pixel to pixel
    int samples;  // Each way, within a pixel
    int iterations;
} view;

typedef struct {
    int x;
    int y;
} position;

typedef struct {
    unsigned char rgb[TILE][TILE][3];
    long long iterations;
} tile;

typedef struct {
    double r;
    double g;
    double b;
} colour;

// --- In the workers --------------------------------------------------------

// Light adds up, sRGB numbers do not: the palette and the mean of the samples
// are linear, and only a finished pixel is encoded.
static unsigned char
encode (double light)
{
    const double s = light <= 0.0031308 ? 12.92 * light
                                        : 1.055 * pow (light, 1 / 2.4) - 0.055;
    return (unsigned char) (255 * fmin (fmax (s, 0), 1) + 0.5);
}

// A ring of colours, from stop to stop in a smooth curve.
static colour
palette (double t)
{
    static const colour stops[STOPS] = {
        { 0.002, 0.005, 0.030 },  // Night
        { 0.010, 0.075, 0.300 },  // Sea
        { 0.180, 0.560, 0.720 },  // Shallows
        { 0.960, 0.920, 0.760 },  // Sand
        { 0.850, 0.340, 0.030 },  // Amber
        { 0.160, 0.012, 0.030 }   // Wine
    };
    const double at = (t - floor (t)) * STOPS;
    const int i = (int) at % STOPS;
    const colour *a = &stops[i], *b = &stops[(i + 1) % STOPS];
    const double f = at - floor (at), w = f * f * (3 - 2 * f);
    return (colour){ a->r + w * (b->r - a->r),
                     a->g + w * (b->g - a->g),
                     a->b + w * (b->b - a->b) };
}

// 1 in the two parts of the set that are simple shapes, half of all its points.
static int
in_cardioid_or_disc (double re, double im)
{
    const double x = re - 0.25, q = x * x + im * im;
    return q * (q + x) <= 0.25 * im * im
           || (re + 1) * (re + 1) + im * im <= 0.0625;
}

// How fast the point escapes, as a number without steps; -1: it stays.
static double
escape (double re, double im, int limit, long long *iterations)
{
    double zr = 0, zi = 0, rr = 0, ii = 0;
    int n = 0;
    if (in_cardioid_or_disc (re, im))
        return -1;
    for (; n < limit && rr + ii < 1e6; n++) {
        zi = 2 * zr * zi + im;
        zr = rr - ii + re;
        rr = zr * zr;
        ii = zi * zi;
    }
    *iterations += n;
    return n == limit ? -1 : n + 1 - log2 (log2 (rr + ii) / 2);
}

static colour
sample (double re, double im, const view *v, long long *iterations)
{
    const double n = escape (re, im, v->iterations, iterations);
    return n < 0 ? (colour){ 0, 0, 0 } : palette (0.42 * log2 (n + 4) - 0.95);
}

BROOD_MAPPER (render, position, at, tile, out)
{
    const view *v = arg;
    const int s = v->samples;
    out->iterations = 0;
    for (int y = 0; y < TILE; y++) {
        for (int x = 0; x < TILE; x++) {
            colour sum = { 0, 0, 0 };
            for (int i = 0; i < s * s; i++) {
                const double dx = (i % s + 0.5) / s, dy = (i / s + 0.5) / s;
                const colour c = sample (v->left + (at->x + x + dx) * v->step,
                                         v->top - (at->y + y + dy) * v->step,
                                         v,
                                         &out->iterations);
                sum = (colour){ sum.r + c.r, sum.g + c.g, sum.b + c.b };
            }
            out->rgb[y][x][0] = encode (sum.r / (s * s));
            out->rgb[y][x][1] = encode (sum.g / (s * s));
            out->rgb[y][x][2] = encode (sum.b / (s * s));
        }
    }
    return 0;
}

// --- In the owner ----------------------------------------------------------

typedef struct {
    int w;
    int h;
    double re;
    double im;
    double width;
    int samples;
    int iterations;
    int workers;
    const char *path;
} options;

static int
columns (const options *o)
{
    return (o->w + TILE - 1) / TILE;
}

static int
tiles (const options *o)
{
    return columns (o) * ((o->h + TILE - 1) / TILE);
}

static int
render_all (const options *o, brood_pool_t *pool, tile *ret_tiles)
{
    const double step = o->width / o->w;
    const view v = { .left = o->re - step * o->w / 2,
                     .top = o->im + step * o->h / 2,
                     .step = step,
                     .samples = o->samples,
                     .iterations = o->iterations };
    const brood_map_options_t map = { .arg = &v,
                                      .arg_size_bytes = sizeof v,
                                      .progress = brood_progress_bar,
                                      .progress_arg = "tiles" };
    const int n = tiles (o);
    position *at = calloc ((size_t) n, sizeof *at);
    if (!at)
        return -1;
    for (int i = 0; i < n; i++)
        at[i] = (position){ i % columns (o) * TILE, i / columns (o) * TILE };
    const int rc =
        brood_pool_map_with (pool, render, at, ret_tiles, (size_t) n, &map);
    free (at);
    return rc;
}

// Lays the tiles out in rows and writes the file.
static int
write_png (const options *o, const tile *all)
{
    png_image image = { .version = PNG_IMAGE_VERSION,
                        .width = (png_uint_32) o->w,
                        .height = (png_uint_32) o->h,
                        .format = PNG_FORMAT_RGB };
    const size_t w = (size_t) o->w, h = (size_t) o->h;
    const size_t across = (size_t) columns (o);
    unsigned char *pixels = malloc (w * h * 3);
    if (!pixels)
        return -1;
    for (size_t y = 0; y < h; y++) {
        for (size_t x = 0; x < w; x += TILE) {
            const tile *t = &all[y / TILE * across + x / TILE];
            const size_t run = w - x < TILE ? w - x : TILE;
            memcpy (pixels + (y * w + x) * 3, t->rgb[y % TILE], run * 3);
        }
    }
    const int ok =
        png_image_write_to_file (&image, o->path, 0, pixels, 0, NULL);
    if (!ok)
        fprintf (stderr, "%s: %s\n", o->path, image.message);
    free (pixels);
    return ok ? 0 : -1;
}

static double
now (void)
{
    struct timespec t;
    clock_gettime (CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static int
usage (const char *name, int rc)
{
    fprintf (rc ? stderr : stdout,
             "usage: %s [options] [FILE]\n"
             "  --size WxH        pixels (1280x800)\n"
             "  --centre RE,IM    of the view\n"
             "  --width W         of the view; 3.5 shows the whole set\n"
             "  --iterations N    when a point counts as one that stays\n"
             "  --samples N       in a pixel, each way (3)\n"
             "  --workers N       so many processes (one for each CPU)\n"
             "FILE is mandelbrot.png if not given\n",
             name);
    return rc;
}

static int
valid (const options *o)
{
    return o->w > 0 && o->w <= SIDE_MAX && o->h > 0 && o->h <= SIDE_MAX
           && o->width > 0 && o->samples > 0 && o->samples <= 16
           && o->iterations > 0 && o->workers >= 0;
}

static int
parse (int argc, char **argv, options *ret)
{
    static const struct option longs[] = {
        { "size", required_argument, NULL, 's' },
        { "centre", required_argument, NULL, 'c' },
        { "width", required_argument, NULL, 'w' },
        { "iterations", required_argument, NULL, 'i' },
        { "samples", required_argument, NULL, 'a' },
        { "workers", required_argument, NULL, 'n' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 }
    };
    int c, ok = 1;
    *ret = (options){ .w = 1280,
                      .h = 800,
                      .re = -0.74797,  // An eye among the sea horses
                      .im = 0.0999,
                      .width = 0.0042,
                      .samples = 3,
                      .iterations = 3000,
                      .path = "mandelbrot.png" };
    while (ok && (c = getopt_long (argc, argv, "", longs, NULL)) != -1) {
        if (c == 's')
            ok = sscanf (optarg, "%dx%d", &ret->w, &ret->h) == 2;
        else if (c == 'c')
            ok = sscanf (optarg, "%lf,%lf", &ret->re, &ret->im) == 2;
        else if (c == 'w')
            ok = sscanf (optarg, "%lf", &ret->width) == 1;
        else if (c == 'i')
            ok = sscanf (optarg, "%d", &ret->iterations) == 1;
        else if (c == 'a')
            ok = sscanf (optarg, "%d", &ret->samples) == 1;
        else if (c == 'n')
            ok = sscanf (optarg, "%d", &ret->workers) == 1;
        else
            exit (usage (argv[0], c == 'h' ? 0 : 64));
    }
    if (optind < argc)
        ret->path = argv[optind];
    return ok && valid (ret) ? 0 : -1;
}

int
main (int argc, char **argv)
{
    options o;
    long long iterations = 0;
    const double start = now ();
    brood_init (&argc, &argv);
    if (parse (argc, argv, &o) < 0)
        return usage (argv[0], 64);
    const int n = tiles (&o);
    tile *all = calloc ((size_t) n, sizeof *all);
    BROOD_AUTO (pool) pool =
        brood_pool_new_with (&(brood_pool_options_t){ .workers = o.workers });
    if (!all || render_all (&o, pool, all) < 0) {
        free (all);
        return brood_perror (argv[0]);
    }
    const double seconds = now () - start;
    for (int i = 0; i < n; i++)
        iterations += all[i].iterations;
    const int rc = write_png (&o, all);
    free (all);
    if (rc < 0)
        return 1;
    const int workers = brood_pool_workers (pool);
    printf ("%d x %d pixels in %d tiles, %.1f s by %d worker%s\n"
            "%.0f million iterations, %.0f million a second\n",
            o.w,
            o.h,
            n,
            seconds,
            workers,
            workers == 1 ? "" : "s",
            (double) iterations / 1e6,
            (double) iterations / seconds / 1e6);
    return 0;
}
